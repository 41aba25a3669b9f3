import { readFile } from 'node:fs/promises';
import { checkpointSigner } from '../../audit/checkpoint.ts';
import { openAuditLog } from '../../audit/log.ts';
import type { CertificateAuthority } from '../../ca/certificate-authority.ts';
import type { Issuer } from '../../ca/issuer.ts';
import { openKey } from '../../ca/key-file.ts';
import { recoverIssuance } from '../../ca/recover.ts';
import { signingKey } from '../../ca/signing-key.ts';
import { isJsonObject } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { readPrivateFile } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { decodePem } from '../../x509/pem.ts';
import { createLocalFeed } from '../feed/local-feed.ts';
import { openPolicyFolder } from '../feed/policy-folder.ts';
import { openStore } from '../store/open-store.ts';
import { administered } from './administered.ts';
import type { Authority } from './authority.ts';
import type { DataFolder } from './data-folder.ts';
import { holdDataFolder } from './running-authority.ts';

/**
 * Opens the authority of a data folder for this process: lock, keys, state, log, policies; then settles what a crash
 * left behind. Throws Fault `authority_missing`, `state_locked`, `state_damaged`, `passphrase_wrong`, `file_mode`, ….
 */
export async function openAuthority(options: {
  readonly data: DataFolder;
  readonly passphrase: () => Promise<string>;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}): Promise<Authority> {
  const { data, clock, log } = options;
  const trustDomain = await readMarker(data);
  await using opened = new AsyncDisposableStack();
  opened.use(holdDataFolder(data));
  const passphrase = await options.passphrase();
  const issuer = await readIssuer(data, trustDomain, passphrase);
  const auditKey = await openKey(await readPrivateFile(data.auditKey), passphrase);
  const origin = `${trustDomain}/authority`;
  const audit = opened.use(
    await openAuditLog({
      folder: data.authorityLog,
      origin,
      clock,
      signer: checkpointSigner(origin, auditKey),
    }),
  );
  const store = opened.use(await openStore({ file: data.database, clock }));
  const policies = opened.use(
    await openPolicyFolder({
      folder: data.policies,
      onLoaded: (files) => {
        feed.publishPolicies(files);
        log(
          `Policies in force: ${files.map((file) => file.name).join(', ') || 'none; nothing is permitted'}.`,
        );
        audit.append({ type: 'policy.loaded', files: files.map((file) => file.name) }).catch(() => undefined);
      },
      onRefused: (fault) => {
        log(`The changed policies are not in force: ${fault.message}`);
        audit
          .append({ type: 'policy.refused', code: fault.code, reason: fault.message })
          .catch(() => undefined);
      },
    }),
  );
  const feed = opened.use(createLocalFeed(store, policies.current));
  const ca: CertificateAuthority = {
    issuer,
    records: store.certificates,
    agents: store.agents,
    audit,
    clock,
  };
  await recoverIssuance(ca);
  const held = opened.move();
  return {
    ...administered({ ca, store, audit, clock, feed }),
    auditKey,
    policyProblem: policies.problem,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function readMarker(data: DataFolder): Promise<string> {
  try {
    const marker = parseJson(await readPrivateFile(data.marker));
    if (isJsonObject(marker) && marker['format'] === 1 && typeof marker['trustDomain'] === 'string') {
      return marker['trustDomain'];
    }
    throw new Fault(
      'state_newer',
      `${data.marker} was written by a newer version of Countersign, or by hand.`,
    );
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    if (error.code === 'not_found') {
      throw new Fault(
        'authority_missing',
        `There is no authority in ${data.folder}. Make one with: countersign init`,
      );
    }
    if (error.code === 'malformed_json') {
      throw new Fault('state_damaged', `${data.marker} cannot be read. Restore the folder from a backup.`, {
        cause: error,
      });
    }
    throw error;
  }
}

async function readIssuer(data: DataFolder, trustDomain: string, passphrase: string): Promise<Issuer> {
  const intermediate = await readPem(data.intermediateCertificate);
  const root = await readPem(data.rootCertificate);
  const key = signingKey(await openKey(await readPrivateFile(data.intermediateKey), passphrase));
  if (!intermediate.publicKey.equals(key.publicKey)) {
    throw new Fault(
      'state_damaged',
      'The intermediate key is not the key of the intermediate certificate. Restore a backup.',
    );
  }
  return { certificate: intermediate, chain: [intermediate, root], key, trustDomain };
}

async function readPem(file: string): Promise<Issuer['certificate']> {
  try {
    const [der] = decodePem(await readFile(file, 'utf8'), 'CERTIFICATE');
    if (der) return readCertificate(der);
  } catch (cause) {
    throw new Fault('state_damaged', `${file} cannot be read. Restore the folder from a backup.`, { cause });
  }
  throw new Fault('state_damaged', `${file} holds no certificate. Restore the folder from a backup.`);
}

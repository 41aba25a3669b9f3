import { generateKeyPairSync } from 'node:crypto';
import { access, mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import { certifyAuthority } from '../../ca/create-authority.ts';
import { sealKey } from '../../ca/key-file.ts';
import { maySignCrls, signRootCrl } from '../../ca/root-crl.ts';
import { signRootOcsp } from '../../ca/root-ocsp.ts';
import type { Clock } from '../../kernel/clock.ts';
import { syncFolder, writeDurably } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import { randomId } from '../../kernel/random.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { encodePem } from '../../x509/pem.ts';
import { buildRequest } from '../../x509/request.ts';
import { type DataFolder, dataFolder } from './data-folder.ts';
import { fingerprintOf } from './fingerprint.ts';
import { writeIdentityFolder } from './identity-folder.ts';
import { chooseKeys } from './new-keys.ts';
import { openAuthority } from './open-authority.ts';

/** What `init` is asked to make. */
export interface InitOrder {
  readonly data: DataFolder;
  readonly trustDomain: string;
  readonly organization: string;
  /** DNS domains beside the trust domain that server certificates may be for. */
  readonly dnsDomains: readonly string[];
  /** Where the sealed root key goes: inside the folder, or elsewhere to be kept offline. */
  readonly rootKeyFile: string;
  /** A CA to sign the intermediate with instead of a new root, in PEM. */
  readonly imported: {
    readonly certificate: string;
    /** Null when `keys` says where it is held. A key given here is not kept. */
    readonly key: { readonly pem: string; readonly passphrase: string | null } | null;
  } | null;
  /** References to keys that live elsewhere; null for an encrypted file here. */
  readonly keys: { readonly root: string | null; readonly intermediate: string | null };
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly passphrase: () => Promise<string>;
  readonly clock: Clock;
}

/** What was made. */
export type InitResult = {
  readonly trustDomain: string;
  readonly rootFingerprint: string;
  readonly adminHours: number;
  /** What a person should know of an imported root, and of how keys are held. */
  readonly notes: readonly string[];
};

const adminHours = 24;

/**
 * Makes an authority: everything in a staging folder first, then one rename, so that a crash leaves either nothing or
 * the whole. Throws Fault `authority_exists`, `state_damaged`.
 */
export async function initAuthority(order: InitOrder): Promise<InitResult> {
  await refuseExisting(order.data);
  const offline =
    order.imported === null && order.keys.root === null && order.rootKeyFile !== order.data.rootKey;
  if (offline) await refuseRootKeyFile(order.rootKeyFile, order.data);
  const passphrase = await order.passphrase();
  const staging = dataFolder(`${order.data.folder}.${randomId()}.partial`);
  await mkdir(staging.folder, { recursive: true, mode: 0o700 });
  try {
    const { root, rootOcsp, notes } = await writeAuthority(staging, order, passphrase);
    await writeFirstAdmin(staging, order, { passphrase, rootOcsp });
    await putInPlace(staging, order.data);
    return {
      trustDomain: order.trustDomain,
      rootFingerprint: fingerprintOf(root),
      adminHours,
      notes: [...notesOn(root), ...notes],
    };
  } catch (error) {
    await rm(staging.folder, { recursive: true, force: true });
    // The key of a root that never came to be; the file was not there before.
    if (offline) await rm(order.rootKeyFile, { force: true });
    throw error;
  }
}

// RFC 5280 §4.2.1.3 wants key usage in a CA certificate; `openssl req -x509` leaves it out.
function notesOn(root: Certificate): readonly string[] {
  if (root.keyUsage.length > 0) return [];
  return [
    'The root has no key usage extension. Verifiers in a strict mode (openssl verify -x509_strict, Python 3.13 and newer) refuse every chain that ends in it; others accept it.',
  ];
}

/** Only an empty folder makes room: whatever another process puts there meanwhile stays. */
async function putInPlace(staging: DataFolder, data: DataFolder): Promise<void> {
  await mkdir(dirname(data.folder), { recursive: true });
  try {
    await rmdir(data.folder).catch(ignoreMissing);
    await rename(staging.folder, data.folder);
  } catch (error) {
    await refuseExisting(data);
    throw error;
  }
  await syncFolder(dirname(data.folder));
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

async function refuseExisting(data: DataFolder): Promise<void> {
  const names = await readdir(data.folder).catch((): string[] => []);
  if (names.length === 0) return;
  if (names.includes('authority.json')) {
    throw new Fault(
      'authority_exists',
      `${data.folder} holds an authority already. Choose another --folder.`,
    );
  }
  throw new Fault(
    'state_damaged',
    `${data.folder} is not empty and holds no whole authority. Choose another --folder.`,
  );
}

async function refuseRootKeyFile(file: string, data: DataFolder): Promise<void> {
  const below = relative(data.folder, file);
  if (!below.startsWith('..')) {
    throw new Fault(
      'invalid_input',
      `${file} lies in the data folder, where the root key is not offline. Choose a file elsewhere, best on another disk.`,
    );
  }
  const exists = await access(file).then(
    () => true,
    () => false,
  );
  if (exists)
    throw new Fault('conflict', `${file} exists already; a root key is never written over another file.`);
}

interface WrittenAuthority {
  readonly root: Certificate;
  /** What OCSP is to say of the intermediate. */
  readonly rootOcsp: readonly Uint8Array[];
  readonly notes: readonly string[];
}

async function writeAuthority(
  staging: DataFolder,
  order: InitOrder,
  passphrase: string,
): Promise<WrittenAuthority> {
  const { trustDomain, organization, clock } = order;
  await using keys = await chooseKeys(order);
  const { rootCertificate, intermediateCertificate } = await certifyAuthority(
    { root: keys.root.key, intermediate: keys.intermediate.key },
    {
      trustDomain,
      organization,
      clock,
      permittedDns: [...new Set([trustDomain, 'localhost', ...order.dnsDomains])],
      rootCertificate: keys.rootCertificate,
    },
  );
  if (maySignCrls(rootCertificate)) {
    const crl = await signRootCrl(
      { root: rootCertificate, now: clock.now(), number: 1, entries: [] },
      keys.root.key,
    );
    await writeDurably(staging.rootCrl, crl.der, 0o644);
  }
  const rootContent = await keys.root.content(passphrase);
  if (rootContent !== null) {
    const inside = keys.root.held || order.rootKeyFile === order.data.rootKey;
    await writeDurably(inside ? staging.rootKey : order.rootKeyFile, rootContent);
  }
  await writeDurably(staging.rootCertificate, encodePem('CERTIFICATE', rootCertificate.der), 0o644);
  await writeDurably(
    staging.intermediateCertificate,
    encodePem('CERTIFICATE', intermediateCertificate.der),
    0o644,
  );
  const content = await keys.intermediate.content(passphrase);
  if (content !== null) await writeDurably(staging.intermediateKey, content);
  await writeDurably(staging.auditKey, await sealKey(generateKeyPairSync('ed25519').privateKey, passphrase));
  await mkdir(staging.policies, { mode: 0o700 });
  await writeDurably(`${staging.policies}/README.txt`, policyNote, 0o644);
  await writeDurably(staging.marker, JSON.stringify({ format: 1, trustDomain, createdAt: clock.now() }));
  const intermediates = [intermediateCertificate.serial];
  const rootOcsp = await signRootOcsp(
    { root: rootCertificate, intermediates, entries: [], now: clock.now() },
    keys.root.key,
  );
  return { root: rootCertificate, rootOcsp, notes: [...keys.root.notes, ...keys.intermediate.notes] };
}

async function writeFirstAdmin(
  staging: DataFolder,
  order: InitOrder,
  { passphrase, rootOcsp }: { readonly passphrase: string; readonly rootOcsp: readonly Uint8Array[] },
): Promise<void> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await using authority = await openAuthority({
    data: staging,
    passphrase: async () => passphrase,
    clock: order.clock,
    log: () => undefined,
    state: 'new',
    environment: order.environment,
  });
  await authority.audit.append({
    type: 'authority.created',
    trustDomain: order.trustDomain,
    imported: order.imported !== null,
    rootKey: order.keys.root?.split(':')[0] ?? 'file',
    intermediateKey: order.keys.intermediate?.split(':')[0] ?? 'file',
  });
  await authority.rootOcsp.keep(rootOcsp);
  const delivery = await authority.issueFor(
    {
      name: 'first-admin',
      kind: 'admin',
      csr: encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: 'first-admin' })),
      dnsNames: [],
      ipAddresses: [],
      minutes: adminHours * 60,
    },
    'init',
  );
  await writeIdentityFolder(staging.admin, privateKey, delivery);
}

const policyNote = `Cedar policies of this authority: every *.cedar file in this folder is in force.
With no policy, nothing is permitted. Changes take effect by themselves within a second or so;
a set that does not compile is refused and the last good one stays in force.
How much of what is permitted may be used is said in limits.yaml, here as well, and which
servers want an access token besides the certificate in tokens.yaml.
Check a set with: countersign policy check <folder>
`;

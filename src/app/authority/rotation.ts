import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditLog } from '../../audit/log.ts';
import type { AuditEventType } from '../../audit/events.ts';
import { checkIntermediate } from '../../ca/check-intermediate.ts';
import { readRootToImport } from '../../ca/import-root.ts';
import { trustOf } from '../feed/trust-of.ts';
import { pemOfCertificate } from '../../ca/pem-of-certificate.ts';
import { keyIdOf } from '../../ca/publication-urls.ts';
import { revoke } from '../../ca/revoke.ts';
import { equalBytes, utf8 } from '../../kernel/bytes.ts';
import { readPrivateFile } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import { type Certificate, readCertificate } from '../../x509/certificate.ts';
import { decodePem, encodePem } from '../../x509/pem.ts';
import { isCrlSignedBy, readCrl } from '../../x509/crl.ts';
import { assembleRequest, buildRequestInfo, readRequest } from '../../x509/request.ts';
import type { Peers } from '../peers/peers.ts';
import type { Store } from '../store/store.ts';
import type { DataFolder } from './data-folder.ts';
import { fingerprintOf } from './fingerprint.ts';
import { type KeptKey, type NextIssuer, readKeptKey } from './issuers-file.ts';
import { newKey } from './new-keys.ts';
import type { Issuers } from './open-issuers.ts';
import { type IssuersDisk, rootCrlFile } from './issuers-disk.ts';
import { refuseWhileBehind } from './refuse-while-behind.ts';
import { noteIssuing } from './refuse-lost-issuers.ts';
import { leavesLeft, type RotationStatus, rotationStatus } from './rotation-status.ts';
import { type HolderWorld, openKeptKey, referenceIn } from './signing-key-file.ts';

/**
 * Replaces the intermediate, or the root with it, in steps, each of which is done or not, whenever the process ends: a key and a request for it,
 * the certificate (prepared), issuing with it (activated), and the end of the one before (retired). One rotation at a time.
 */
export interface Rotation {
  status(): Promise<RotationStatus>;
  /** Makes the key of the next intermediate; asked again, gives the same request. */
  request(actor: string): Promise<IntermediateRequest>;
  /**
   * Takes the certificate for it, by the root or by a new one, which is trusted beside the other from now on. Throws Fault
   * `certificate_profile`, `conflict`.
   */
  prepare(order: PreparedIssuer, actor: string): Promise<RotationStatus>;
  /**
   * Issues with it from now on. Throws Fault `conflict` when none is prepared, or while somebody may not know its root, unless
   * `force`.
   */
  activate(order: { readonly force: boolean }, actor: string): Promise<RotationStatus>;
  /**
   * Ends the one before. Throws Fault `conflict` while certificates of it are in force, unless `force`, which revokes them.
   */
  retire(order: { readonly force: boolean }, actor: string): Promise<RotationStatus>;
  /** Forgets the next intermediate before it has issued anything. */
  abandon(actor: string): Promise<RotationStatus>;
}

/** What the holder of a root key has signed. */
export interface PreparedIssuer {
  /** The intermediate in PEM. */
  readonly certificate: string;
  /** The root above it in PEM, when it is a new one. */
  readonly root?: string | undefined;
  /** The first CRL of the new root, in DER. */
  readonly rootCrl?: Uint8Array | undefined;
}

/** What the holder of the root key is asked to sign, all in PEM. */
export type IntermediateRequest = {
  /** PKCS #10 for the new key. */
  readonly request: string;
  /** The intermediate that it replaces, whose name constraints it shall have. */
  readonly replaces: string;
  readonly root: string;
};

interface Parts extends HolderWorld {
  readonly data: DataFolder;
  readonly issuers: Issuers;
  readonly store: Pick<Store, 'certificates' | 'joinTokens' | 'meta'>;
  readonly disk: IssuersDisk;
  readonly audit: Pick<AuditLog, 'append'>;
  /** The other authorities of the store. */
  readonly peers: Pick<Peers, 'list'>;
  readonly passphrase: string;
  /** What guessing the passphrase of a new key costs, as scrypt's N; the usual unless given. */
  readonly sealCost?: number;
  readonly trustDomain: string;
}

export function openRotation(parts: Parts): Rotation {
  const { issuers, store, audit, clock } = parts;
  const status = (): Promise<RotationStatus> => rotationStatus(parts);
  let last: Promise<unknown> = Promise.resolve();
  // Two administrators do not take two steps at once.
  const alone = <Result>(act: () => Promise<Result>): Promise<Result> => {
    const next = last.then(act, act);
    last = next.catch(() => undefined);
    return next;
  };
  /** The log first: it may know of a step that was not done, and never misses one that was. */
  const step = async (
    type: AuditEventType,
    certificate: Certificate | null,
    change: { readonly to: Parameters<Issuers['change']>[0]; readonly actor: string },
  ): Promise<RotationStatus> => {
    const of = certificate && {
      issuer: keyIdOf(certificate),
      serial: certificate.serial,
      notAfter: certificate.notAfter,
    };
    await audit.append({ type, ...of, actor: change.actor });
    await issuers.change(change.to);
    await noteIssuing(store.meta, issuers);
    await tellFirstAdmin(parts);
    return await status();
  };
  return {
    status,
    request: (actor) => alone(() => request(parts, actor)),
    prepare: (order, actor) =>
      alone(async () => {
        const kept = issuers.kept();
        const { next, issuing } = kept;
        if (!next) throw conflict('Nothing was asked for. Begin with: countersign rotate intermediate');
        if (next.signed) throw conflict('The next intermediate is prepared already. Activate or abandon it.');
        const certificate = readOne(order.certificate);
        const [der = new Uint8Array()] = decodePem(next.request, 'CERTIFICATE REQUEST');
        const root = order.root === undefined ? issuing.root : readNewRoot(order.root, parts);
        const terms = { root, publicKey: readRequest(der).publicKey, replaces: issuing.certificate };
        checkIntermediate(certificate, { ...terms, now: clock.now() });
        if (root !== issuing.root && order.rootCrl) await keepRootCrl(root, order.rootCrl, parts);
        const to = { ...kept, next: { ...next, signed: { certificate, root } }, since: clock.now() };
        return await step('rotation.prepared', certificate, { to, actor });
      }),
    activate: ({ force }, actor) =>
      alone(async () => {
        const { next, issuing } = issuers.kept();
        if (!next?.signed)
          throw conflict('No intermediate is prepared. First: countersign rotate intermediate');
        if (!force) refuseWhileBehind(parts.peers, issuers);
        const { waiting } = await status();
        if (waiting > 0 && !force) {
          throw conflict(
            `${waiting} may not know the new root yet (countersign rotate status lists them). Wait until they have renewed, or go on with --force: they have to enrol again.`,
          );
        }
        const { signed, key } = next;
        const to = { issuing: { ...signed, key }, next: null, retiring: issuing, since: clock.now() };
        return await step('rotation.activated', signed.certificate, { to, actor });
      }),
    retire: ({ force }, actor) =>
      alone(async () => {
        const kept = issuers.kept();
        const { retiring } = kept;
        if (!retiring) throw conflict('No intermediate is left to retire.');
        await endLeaves(parts, retiring.certificate, { force, actor });
        const to = { ...kept, retiring: null, since: clock.now() };
        return await step('rotation.retired', retiring.certificate, { to, actor });
      }),
    abandon: (actor) =>
      alone(async () => {
        const kept = issuers.kept();
        if (!kept.next)
          throw conflict('No intermediate is being prepared; one that issues cannot be abandoned.');
        const to = { ...kept, next: null, since: clock.now() };
        return await step('rotation.abandoned', kept.next.signed?.certificate ?? null, { to, actor });
      }),
  };
}

async function request(parts: Parts, actor: string): Promise<IntermediateRequest> {
  const { issuers, audit, clock, data } = parts;
  const kept = issuers.kept();
  const { issuing } = kept;
  if (kept.retiring) {
    throw conflict(
      'The last rotation is not over: an intermediate is left. First: countersign rotate retire',
    );
  }
  if (kept.next?.signed) throw conflict('The next intermediate is prepared already. Activate or abandon it.');
  let { next } = kept;
  if (!next) {
    next = await newNext(parts);
    const [holder = 'file'] = referenceIn(utf8(JSON.stringify(next.key)))?.split(':') ?? [];
    await audit.append({ type: 'rotation.requested', holder, actor });
    await issuers.change({ ...kept, next, since: clock.now() });
    await rm(data.nextKey, { force: true });
  } else if ((await nextReference(data)) !== null) {
    await rm(data.nextKey, { force: true });
    throw conflict(
      'A key was made already. Hand in its certificate, or give it up: countersign rotate abandon',
    );
  }
  return {
    request: next.request,
    replaces: pemOfCertificate(issuing.certificate.der),
    root: pemOfCertificate(issuing.root.der),
  };
}

/** The key is opened once more from what will be kept of it: what cannot be read again is never certified. */
async function newNext(parts: Parts): Promise<NextIssuer> {
  const { data, passphrase, trustDomain } = parts;
  await using opened = new AsyncDisposableStack();
  const made = await newKey(await nextReference(data), parts, opened);
  const content = await made.content(passphrase);
  const kept: KeptKey = readKeptKey(content ?? '');
  const again = opened.use(
    await openKeptKey(data.issuers, utf8(JSON.stringify(kept)), {
      ...parts,
      passphrase: async () => passphrase,
      certificate: null,
    }),
  );
  const { certificate, root } = parts.issuers.kept().issuing;
  if ([certificate, root].some(({ publicKey }) => publicKey.equals(again.publicKey))) {
    throw new Fault(
      'invalid_input',
      'That key is in use already. Name another, which is made if it is missing.',
    );
  }
  const info = buildRequestInfo(again.publicKey, { commonName: `${trustDomain} intermediate` });
  const der = assembleRequest(info, again.algorithm, await again.sign(info));
  return { key: kept, request: encodePem('CERTIFICATE REQUEST', readRequest(der).der), signed: null };
}

/** Only the owner of the folder says where a key lives: a reference names programs and addresses. */
async function nextReference({ nextKey }: DataFolder): Promise<string | null> {
  const octets = await readPrivateFile(nextKey).catch((error: unknown) => {
    if (error instanceof Fault && error.code === 'not_found') return null;
    throw error;
  });
  if (octets === null) return null;
  const reference = referenceIn(octets);
  if (reference === null) throw new Fault('invalid_input', `${nextKey} does not say where a key lives.`);
  return reference;
}

/** Certificates in force whose CRL and OCSP responder would be gone are revoked first, or keep the old one. */
async function endLeaves(
  { store, audit, clock }: Parts,
  issuer: Certificate,
  { force, actor }: { readonly force: boolean; readonly actor: string },
): Promise<void> {
  const left = await leavesLeft(store.certificates, issuer, clock.now());
  if (left.length > 0 && !force) {
    throw conflict(
      `${left.length} certificates of the old intermediate are in force (countersign rotate status lists them). Wait until they are renewed or over, or revoke them with --force.`,
    );
  }
  const reason = `the intermediate ${fingerprintOf(issuer)} is retired`;
  for (const { serial } of left) {
    const words = { serial, reason, revocation: 'superseded', actor } as const;
    await revoke(words, { records: store.certificates, audit, clock });
  }
}

/** A new root is held to what an imported one is, and cannot be mistaken for the one before it. */
function readNewRoot(pem: string, { issuers, trustDomain, clock }: Parts): Certificate {
  const root = readRootToImport(pem, { trustDomain, clock });
  const { root: before } = issuers.kept().issuing;
  if (equalBytes(root.subjectDer, before.subjectDer) || root.publicKey.equals(before.publicKey)) {
    throw new Fault(
      'certificate_profile',
      'The new root has the subject or the key of the one before it, and chains would be ambiguous.',
    );
  }
  return root;
}

/** Before the root counts: without its file the root only has no CRL yet. */
async function keepRootCrl(root: Certificate, der: Uint8Array, { data, disk }: Parts): Promise<void> {
  if (!isCrlSignedBy(readCrl(der), root.publicKey)) {
    throw new Fault('invalid_input', 'That CRL is not signed by the new root.');
  }
  await disk.write(rootCrlFile(data, root), der, 0o644);
}

/** Commands on this machine trust the roots beside the first administrator's certificate. */
async function tellFirstAdmin({ data, issuers, disk }: Parts): Promise<void> {
  const file = join(data.admin, 'roots.pem');
  const there = await access(file).then(
    () => true,
    () => false,
  );
  if (there) await disk.write(file, trustOf(issuers.all()).roots, 0o644);
}

function readOne(pem: string): Certificate {
  const [der, ...more] = decodePem(pem, 'CERTIFICATE');
  if (der && more.length === 0) return readCertificate(der);
  throw new Fault('malformed_pem', 'Give exactly one certificate: the new intermediate.');
}

function conflict(detail: string): Fault {
  return new Fault('conflict', detail);
}

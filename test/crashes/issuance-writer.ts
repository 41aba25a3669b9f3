import { readFile } from 'node:fs/promises';
import { createPrivateKey } from 'node:crypto';
import { checkpointSigner } from '../../src/audit/checkpoint.ts';
import { openAuditLog } from '../../src/audit/log.ts';
import type { CertificateAuthority } from '../../src/ca/certificate-authority.ts';
import { certify } from '../../src/ca/certify.ts';
import { recoverIssuance } from '../../src/ca/recover.ts';
import { signingKey } from '../../src/ca/signing-key.ts';
import { specimenOrder } from '../../src/ca/specimen-request.ts';
import { joinPeers } from '../../src/app/peers/join-peers.ts';
import type { Peers } from '../../src/app/peers/peers.ts';
import { openPostgresStore, openStore } from '../../src/app/store/open-store.ts';
import type { Store } from '../../src/app/store/store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { readCertificate } from '../../src/x509/certificate.ts';
import { decodePem } from '../../src/x509/pem.ts';
import type { PlaceFiles } from './issuance-place.ts';

type Peer = NonNullable<PlaceFiles['peer']>;

function openPeerStore({ host, port, user, database }: Peer): Promise<Store> {
  const at = { hosts: [{ host, port }], user, database, password: null, tls: null };
  return openPostgresStore({ place: at, clock: systemClock, missing: 'refuse', log: () => undefined });
}

function joinAs({ instance: id, times }: Peer): Promise<Peers> {
  const says = { name: id, url: '', version: '', issuers: 0 };
  return joinPeers({ id, facts: store.meta, says, clock: systemClock, log: () => undefined, times });
}

/**
 * An authority with its real store and log that issues one certificate after the other and kills itself at one point of
 * one issuance: `<place file> <at>`, where the points are counted before and after every act that leaves a trace.
 */
const [placeFile = '', at = ''] = process.argv.slice(2);
const place = JSON.parse(await readFile(placeFile, 'utf8')) as PlaceFiles;
let points = 0;

async function guarded<Result>(act: () => Promise<Result>): Promise<Result> {
  killAt(points++);
  const result = await act();
  killAt(points++);
  return result;
}

function killAt(point: number): void {
  if (point === Number(at)) process.kill(process.pid, 'SIGKILL');
}

const { peer } = place;
const store = peer
  ? await openPeerStore(peer)
  : await openStore({ file: place.database, clock: systemClock });
const peers = peer ? await joinAs(peer) : null;

const log = await openAuditLog({
  folder: place.log,
  origin: 'example.internal/authority',
  clock: systemClock,
  signer: checkpointSigner('example.internal/authority', createPrivateKey(place.auditKey)),
});
const [intermediate, root] = [place.intermediate, place.root].map((pem) => {
  const [der] = decodePem(pem, 'CERTIFICATE');
  return readCertificate(der ?? new Uint8Array());
});
if (!intermediate || !root) throw new Error('the place has no certificates');
const key = signingKey(createPrivateKey(place.intermediateKey));
const { certificates } = store;
const issuer = {
  certificate: intermediate,
  chain: [intermediate, root],
  key: { ...key, sign: (tbs: Uint8Array) => guarded(() => key.sign(tbs)) },
  trustDomain: 'example.internal',
};
const authority: CertificateAuthority = {
  issuer,
  issuers: () => [issuer],
  records: {
    ...certificates,
    reserve: (record) => guarded(() => certificates.reserve(record)),
    complete: (serial, der) => guarded(() => certificates.complete(serial, der)),
  },
  revokesIssuer: () => false,
  blockedKeys: store.blockedKeys,
  agents: { find: async () => ({ state: 'active', device: null }) },
  checks: [],
  instance: peers?.self ?? null,
  audit: { append: (event) => guarded(() => log.append(event)) },
  clock: systemClock,
  urls: null,
};
await recoverIssuance({ records: certificates, audit: log }, (instance) => peers?.isGone(instance) ?? true);
process.stdout.write('ready\n');
for (;;) {
  const { serial } = await certify(specimenOrder(), authority);
  process.stdout.write(`delivered ${serial}\n`);
}

import type { KeyObject } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeKeyFile } from '../../ca/key-file.ts';
import type { Clock } from '../../kernel/clock.ts';
import { syncFolder, writeDurably } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import { randomId } from '../../kernel/random.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { decodePem } from '../../x509/pem.ts';
import { writeInstance } from '../peers/instance-file.ts';
import { type PeerBundle, readPeerBundle, writePeerBundle } from '../peers/peer-bundle.ts';
import { type DataFolder, dataFolder } from './data-folder.ts';
import { fingerprintOf } from './fingerprint.ts';
import { readKeyFile, readKeyOctets, referenceIn } from './signing-key-file.ts';
import { readMarker } from './whole-folder.ts';

/** Files that all authorities of a store have alike; those that are there. */
const common = [
  'root.pem',
  'root.crl',
  'intermediate.pem',
  'store.yaml',
  'workloads.yaml',
  'attestation.yaml',
  'clients.yaml',
  'issuance.yaml',
  'people.yaml',
];
/** Keys that all of them have. The root's stays where it is. */
const keyFiles = ['intermediate-key.json', 'audit-key.json', 'registration-key.json'];

/**
 * Puts into one sealed file what another machine needs to be an authority of the same store. Safe beside a running authority.
 * Throws Fault `authority_missing`, `passphrase_wrong`, `passphrase_required`, ….
 */
export async function exportPeer(
  data: DataFolder,
  order: {
    readonly target: string;
    readonly passphrase: string;
    readonly bundlePassphrase: string;
    readonly clock: Clock;
    readonly cost?: number;
  },
): Promise<{ readonly trustDomain: string; readonly rootFingerprint: string }> {
  const trustDomain = await readMarker(data);
  const keys = await filesIn(data.folder, keyFiles);
  const opened = await Promise.all(
    Object.entries(keys).map(
      async ([name, octets]): Promise<readonly [string, KeyObject | Uint8Array]> => [
        name,
        referenceIn(octets) === null ? await readKeyFile(join(data.folder, name), order.passphrase) : octets,
      ],
    ),
  );
  const policies = await readdir(data.policies).catch(() => []);
  const names = [...common, ...policies.map((name) => `policies/${name}`)];
  const files = await filesIn(data.folder, names);
  const bundle = { trustDomain, madeAt: order.clock.now(), files, keys: Object.fromEntries(opened) };
  const { bundlePassphrase: passphrase, cost } = order;
  await writePeerBundle(order.target, bundle, { passphrase, ...(cost !== undefined && { cost }) });
  return { trustDomain, rootFingerprint: rootOf(bundle, order.target) };
}

/**
 * Makes the data folder of another authority from a bundle, with keys under a passphrase of its own. Throws Fault `passphrase_wrong`,
 * `authority_exists`, `gateway_untrusted` when the root is not the one that is expected, ….
 */
export async function joinPeer(
  bundlePath: string,
  data: DataFolder,
  order: {
    readonly name: string;
    readonly passphrase: string;
    readonly bundlePassphrase: string;
    /** `sha256:<hex>` of the root; null expects none in particular. */
    readonly rootFingerprint: string | null;
    readonly cost?: number;
  },
): Promise<{ readonly trustDomain: string; readonly rootFingerprint: string }> {
  const bundle = await readPeerBundle(bundlePath, order.bundlePassphrase);
  const rootFingerprint = rootOf(bundle, bundlePath);
  if (order.rootFingerprint !== null && order.rootFingerprint !== rootFingerprint) {
    throw new Fault(
      'gateway_untrusted',
      `${bundlePath} is of the root ${rootFingerprint}, not of ${order.rootFingerprint}. Use the bundle of the right authority.`,
    );
  }
  if (((await readdir(data.folder).catch(() => [])) ?? []).length > 0) {
    throw new Fault('authority_exists', `${data.folder} is not empty. Choose another --folder.`);
  }
  const staging = dataFolder(`${data.folder}.${randomId()}.partial`);
  await mkdir(staging.policies, { recursive: true, mode: 0o700 });
  try {
    await mkdir(staging.authorityLog, { mode: 0o700 });
    for (const [name, octets] of Object.entries(bundle.files)) {
      await writeDurably(join(staging.folder, knownName(name, common, bundlePath)), octets);
    }
    for (const [name, key] of Object.entries(bundle.keys)) {
      const path = join(staging.folder, knownName(name, keyFiles, bundlePath));
      if (key instanceof Uint8Array) await writeDurably(path, key);
      else await writeKeyFile(path, key, order.passphrase, order.cost);
    }
    await writeInstance(staging.instance, { name: order.name, isFirst: false });
    await writeDurably(staging.marker, JSON.stringify({ format: 1, trustDomain: bundle.trustDomain }));
    // Only an empty folder makes room: whatever another process puts there meanwhile stays.
    await rmdir(data.folder).catch(() => undefined);
    await rename(staging.folder, data.folder);
    await syncFolder(dirname(data.folder));
  } catch (error) {
    await rm(staging.folder, { recursive: true, force: true });
    throw error;
  }
  return { trustDomain: bundle.trustDomain, rootFingerprint };
}

/** A name in a bundle leads nowhere else. */
function knownName(name: string, known: readonly string[], path: string): string {
  if (known.includes(name) || /^policies\/[\w.-]+$/.test(name)) return name;
  throw new Fault('invalid_input', `${path} holds ${JSON.stringify(name)}, which belongs to no authority.`);
}

function rootOf({ files }: Pick<PeerBundle, 'files'>, path: string): string {
  const pem = files['root.pem'];
  const [der] = pem ? decodePem(Buffer.from(pem).toString('utf8'), 'CERTIFICATE') : [];
  if (der) return fingerprintOf(readCertificate(der));
  throw new Fault('invalid_input', `${path} holds no root certificate.`);
}

async function filesIn(folder: string, names: readonly string[]): Promise<Record<string, Uint8Array>> {
  const found: Record<string, Uint8Array> = {};
  for (const name of names) {
    const path = join(folder, name);
    const octets = keyFiles.includes(name)
      ? await readKeyOctets(path).catch(nullIfMissing)
      : await readFile(path).catch(nullIfMissing);
    if (octets) found[name] = new Uint8Array(octets);
  }
  return found;
}

/** Of the keys only that of SCEP may be missing; opening the authority says so of the others. */
function nullIfMissing(error: unknown): null {
  if (error instanceof Fault && error.code === 'state_damaged') return null;
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
  throw error;
}

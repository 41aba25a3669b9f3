import { createPublicKey, type KeyObject } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cosigner, cosigner, derivedCosignerKey } from '../../audit/cosignature.ts';
import { Witness, type WitnessAnswer, type WitnessedHead, type WitnessRecords } from '../../audit/witness.ts';
import { headText, readHead } from '../../audit/witness-folder.ts';
import { sha256, toHex } from '../../kernel/bytes.ts';
import { isJsonObject } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { writeDurably } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import type { StoreMeta } from '../store/store.ts';

/** The authority as witness of the logs of its gateways elsewhere. */
export interface LogWitness {
  readonly name: string;
  /** The verifier key, for `audit verify --witness`. */
  readonly vkey: string;
  /**
   * Takes in the key that signs a log of a gateway: the first one counts for ever. Throws Fault `denied` for a log of another
   * gateway and `conflict` for another key.
   */
  introduce(gateway: string, origin: string, publicKey: string): Promise<void>;
  /** Answers a request to add a checkpoint. Throws Fault `denied` for a log that another gateway introduced. */
  addCheckpoint(gateway: string, body: string): Promise<WitnessAnswer>;
}

interface Introduced {
  readonly gateway: string;
  readonly key: KeyObject;
}

/**
 * Opens the witness; `auditKey` is the key that its own is derived from. What it remembers is in the store, so that authorities that
 * share one are one witness. `folder`: where its verifier key is written for people.
 */
export async function openLogWitness(options: {
  readonly folder: string;
  readonly meta: StoreMeta;
  readonly trustDomain: string;
  readonly auditKey: KeyObject;
  readonly clock: Clock;
}): Promise<LogWitness> {
  const { folder, meta, trustDomain, clock } = options;
  const own: Cosigner = cosigner(`${trustDomain}/witness`, derivedCosignerKey(options.auditKey));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeDurably(join(folder, 'key.txt'), `${own.vkey}\n`, 0o644);
  const introduced = async (origin: string): Promise<Introduced | null> => {
    const text = await meta.get(nameOf('key', origin));
    return text === null ? null : readIntroduced(text, origin);
  };
  const witness = new Witness({
    cosigner: own,
    records: witnessRecords(meta),
    clock,
    keysOf: async (origin) => {
      const known = await introduced(origin);
      return known ? [known.key] : [];
    },
  });
  const introduce = async (gateway: string, origin: string, publicKey: string): Promise<void> => {
    const base = `${trustDomain}/gateway`;
    if (origin !== base && origin !== `${base}/${gateway}` && !origin.startsWith(`${base}/${gateway}/`)) {
      throw new Fault('denied', `The log ${origin} is not one of ${gateway}.`);
    }
    const key = readKey(publicKey);
    const known = await introduced(origin);
    const publicText = key.export({ type: 'spki', format: 'pem' });
    const text = JSON.stringify({ origin, gateway, publicKey: publicText });
    if (!known && (await meta.swap(nameOf('key', origin), null, text))) return;
    if (!known) return await introduce(gateway, origin, publicKey);
    if (known.gateway === gateway && known.key.equals(key)) return;
    throw new Fault(
      'conflict',
      `The log ${origin} is known here with another key or of another gateway. If it was begun anew on purpose, give the gateway another name.`,
    );
  };
  return {
    name: own.name,
    vkey: own.vkey,
    introduce,
    async addCheckpoint(gateway, body) {
      const origin = /\n\n([^\n]+)\n/.exec(body)?.[1] ?? '';
      const known = await introduced(origin);
      if (known && known.gateway !== gateway) {
        throw new Fault('denied', `The log ${origin} is not one of ${gateway}.`);
      }
      return await witness.addCheckpoint(body);
    },
  };
}

function readKey(pem: string): KeyObject {
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch (cause) {
    throw new Fault('invalid_input', 'The key of a log is an Ed25519 key in PEM.', { cause });
  }
  throw new Fault('invalid_input', 'The key of a log is an Ed25519 key in PEM.');
}

/** The name of a fact; an origin is anything, and its hash is a name. */
function nameOf(what: 'key' | 'head', origin: string): string {
  return `witness-${what}-${toHex(sha256(origin)).slice(0, 32)}`;
}

function witnessRecords(meta: StoreMeta): WitnessRecords {
  const latest = async (origin: string): Promise<WitnessedHead | null> => {
    const text = await meta.get(nameOf('head', origin));
    const head = text === null ? null : readHead(text);
    // Taken for a log that was never seen, it would let anything be signed.
    if (text !== null && head?.origin !== origin) throw damaged(origin);
    return head;
  };
  return {
    latest,
    async replace(origin, before, head) {
      const previous = before && headText(origin, before);
      return await meta.swap(nameOf('head', origin), previous, headText(origin, head));
    },
  };
}

function readIntroduced(text: string, origin: string): Introduced {
  try {
    const value: unknown = JSON.parse(text);
    const { origin: stated, gateway, publicKey } = isJsonObject(value) ? value : {};
    if (stated === origin && typeof gateway === 'string' && typeof publicKey === 'string') {
      return { gateway, key: readKey(publicKey) };
    }
  } catch {
    // Told below.
  }
  throw damaged(origin);
}

function damaged(origin: string): Fault {
  return new Fault(
    'state_damaged',
    `The store does not say what was signed of the log ${origin}, so that nothing of it is signed.`,
  );
}

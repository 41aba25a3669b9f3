import { createPublicKey, type KeyObject } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cosigner, cosigner, derivedCosignerKey } from '../../audit/cosignature.ts';
import { Witness, type WitnessAnswer } from '../../audit/witness.ts';
import { witnessFolder } from '../../audit/witness-folder.ts';
import { sha256, toHex } from '../../kernel/bytes.ts';
import { isJsonObject } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { writeDurably } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';

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

/** Opens the witness; `auditKey` is the key that its own is derived from. */
export async function openLogWitness(options: {
  readonly folder: string;
  readonly trustDomain: string;
  readonly auditKey: KeyObject;
  readonly clock: Clock;
}): Promise<LogWitness> {
  const { folder, trustDomain, clock } = options;
  const own: Cosigner = cosigner(`${trustDomain}/witness`, derivedCosignerKey(options.auditKey));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeDurably(join(folder, 'key.txt'), `${own.vkey}\n`, 0o644);
  const fileOf = (origin: string): string => join(folder, `log-${toHex(sha256(origin)).slice(0, 32)}.json`);
  const introduced = (origin: string): Promise<Introduced | null> => readIntroduced(fileOf(origin), origin);
  const witness = new Witness({
    cosigner: own,
    records: witnessFolder(folder),
    clock,
    keysOf: async (origin) => {
      const known = await introduced(origin);
      return known ? [known.key] : [];
    },
  });
  let running: Promise<unknown> = Promise.resolve();
  const introduce = async (gateway: string, origin: string, publicKey: string): Promise<void> => {
    const base = `${trustDomain}/gateway`;
    if (origin !== base && origin !== `${base}/${gateway}` && !origin.startsWith(`${base}/${gateway}/`)) {
      throw new Fault('denied', `The log ${origin} is not one of ${gateway}.`);
    }
    const key = readKey(publicKey);
    const known = await introduced(origin);
    if (!known) {
      const text = key.export({ type: 'spki', format: 'pem' });
      await writeDurably(fileOf(origin), `${JSON.stringify({ origin, gateway, publicKey: text })}\n`);
      return;
    }
    if (known.gateway === gateway && known.key.equals(key)) return;
    throw new Fault(
      'conflict',
      `The log ${origin} is known here with another key or of another gateway. If it was begun anew on purpose, remove its files in ${folder}.`,
    );
  };
  return {
    name: own.name,
    vkey: own.vkey,
    introduce(gateway, origin, publicKey) {
      const next = running.catch(() => undefined).then(() => introduce(gateway, origin, publicKey));
      running = next;
      return next;
    },
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

async function readIntroduced(path: string, origin: string): Promise<Introduced | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null;
    throw new Fault('state_damaged', `${path} cannot be read.`, { cause });
  }
  try {
    const value: unknown = JSON.parse(text);
    const { origin: stated, gateway, publicKey } = isJsonObject(value) ? value : {};
    if (stated === origin && typeof gateway === 'string' && typeof publicKey === 'string') {
      return { gateway, key: readKey(publicKey) };
    }
  } catch (cause) {
    throw new Fault('state_damaged', `${path} does not say which key signs ${origin}.`, { cause });
  }
  throw new Fault('state_damaged', `${path} does not say which key signs ${origin}.`);
}

import { createPrivateKey, type KeyObject } from 'node:crypto';
import { openKey, sealKey } from '../../ca/key-file.ts';
import { fromBase64, toBase64, utf8 } from '../../kernel/bytes.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Seal } from '../../kernel/seal.ts';
import {
  type KeptIssuer,
  type KeptIssuers,
  type KeptKey,
  parseIssuers,
  readKeptKey,
  writeIssuers,
} from '../authority/issuers-file.ts';
import { referenceIn } from '../authority/signing-key-file.ts';
import type { SharedFacts } from './shared-facts.ts';
import { sharedSeal } from './shared-seal.ts';
import { sharedText } from './shared-text.ts';

/** Who issues at all authorities of a store, and how far its replacement has come. */
export interface SharedIssuers {
  /** Grows with every step. */
  readonly step: number;
  readonly kept: KeptIssuers;
}

/** The steps of rotations that all authorities of a store take. */
export interface SharedSteps {
  /** The number of the last one; 0 before the first. */
  last(): Promise<number>;
  /** The last one, with keys as this authority keeps them. Throws Fault `state_damaged`. */
  read(): Promise<SharedIssuers | null>;
  /** Takes the step after this one; false when somebody else has. */
  put(after: number, kept: KeptIssuers): Promise<boolean>;
}

const format = 'countersign-shared-key-v1';

/** What steps are shared with. */
interface Parts {
  readonly facts: SharedFacts;
  /** The audit key, which all of them have. */
  readonly key: KeyObject;
  /** Of the keys in this folder; each authority has its own. */
  readonly passphrase: string;
  readonly sealCost?: number | undefined;
  /** What is kept of the key that `init` or the last rotation left in its own file. */
  readonly ownKey: () => Promise<Uint8Array>;
}

/** The steps in the store: whoever can write there plants no root. */
export function sharedSteps(parts: Parts): SharedSteps {
  const text = sharedText(parts.facts, parts.key, 'issuers');
  const seal = sharedSeal(parts.key, 'keys of issuers');
  return {
    last: text.last,
    async read() {
      const stored = await text.read();
      if (!stored) return null;
      const kept = await withKeys(parseIssuers(utf8(stored.text)), (key) => ownForm(key, seal, parts));
      return { step: stored.step, kept };
    },
    async put(after, kept) {
      const shared = await withKeys(kept, (key) => sharedForm(key, seal, parts));
      return await text.put(after, Buffer.from(writeIssuers(shared)).toString('utf8'));
    },
  };
}

async function withKeys(
  { issuing, next, retiring, since }: KeptIssuers,
  form: (key: KeptKey | null) => Promise<KeptKey>,
): Promise<KeptIssuers> {
  const of = async (one: KeptIssuer): Promise<KeptIssuer> => ({ ...one, key: await form(one.key) });
  return {
    issuing: await of(issuing),
    next: next && { ...next, key: await form(next.key) },
    retiring: retiring && (await of(retiring)),
    since,
  };
}

/** A reference is the same for all; a sealed key is opened and sealed for all. */
async function sharedForm(key: KeptKey | null, seal: Seal, parts: Parts): Promise<KeptKey> {
  const kept = key ?? readKeptKey(await parts.ownKey());
  const octets = utf8(JSON.stringify(kept));
  if (referenceIn(octets) !== null) return kept;
  const opened = await openKey(octets, parts.passphrase);
  const text = toBase64(opened.export({ type: 'pkcs8', format: 'der' }));
  return { format, sealed: seal.seal(text, ['key']) };
}

async function ownForm(key: KeptKey | null, seal: Seal, parts: Parts): Promise<KeptKey> {
  if (key?.['format'] !== format) return key ?? {};
  const sealed = key['sealed'];
  const text = typeof sealed === 'string' ? seal.open(sealed, ['key']) : null;
  const der = text === null ? null : fromBase64(text);
  if (!der) throw new Fault('state_damaged', 'A key in the store cannot be opened. Restore a backup.');
  const opened = createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' });
  return readKeptKey(await sealKey(opened, parts.passphrase, parts.sealCost));
}

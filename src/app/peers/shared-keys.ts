import { createPublicKey, type KeyObject } from 'node:crypto';
import { sha256, toHex, utf8 } from '../../kernel/bytes.ts';
import { isJsonObject, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import type { SharedFacts } from './shared-facts.ts';

const fact = 'shared-keys';

/**
 * Holds what this authority has against what those before it had: all have the same, or tokens, cookies and links of one would be
 * worthless at another, or worse, be believed. Whatever is new is noted. Throws Fault `authority_differs`.
 */
export async function agreeOnKeys(
  facts: SharedFacts,
  mine: Readonly<Record<string, string>>,
  folder: string,
): Promise<void> {
  for (;;) {
    const stored = await facts.get(fact);
    const known = readKnown(stored);
    for (const [what, value] of Object.entries(mine)) {
      const theirs = known[what];
      if (typeof theirs !== 'string' || theirs === value) continue;
      throw new Fault(
        'authority_differs',
        `The ${what} in ${folder} is ${value}, and that of the other authorities of this store is ${theirs}. Nothing was changed. Make a folder that belongs to them: countersign peer export at one of them, then countersign peer join here.`,
      );
    }
    const all = { ...known, ...mine };
    if (stored !== null && Object.keys(all).length === Object.keys(known).length) return;
    if (await facts.swap(fact, stored, JSON.stringify(all))) return;
  }
}

/** What tells one private key from another, and does not tell the key. */
export function fingerprintOfKey(key: KeyObject): string {
  return `sha256:${toHex(sha256(createPublicKey(key).export({ type: 'spki', format: 'der' })))}`;
}

function readKnown(stored: string | null): JsonObject {
  const value = stored === null ? {} : parseJson(utf8(stored));
  return isJsonObject(value) ? value : {};
}

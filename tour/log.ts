import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Narrator } from './narrator.ts';
import type { Place } from './place.ts';
import { ask, countersign } from './stage.ts';

/** Step: the log verifies, and a copy with one octet changed does not. */
export async function verifyLog(place: Place, say: Narrator): Promise<void> {
  say.step('The log proves it');
  const log = join(place.data, 'gateway-log');
  const verified = await ask<{ ok: boolean; entries: number }>(['audit', 'verify', log]);
  say.fact(`${verified.entries} entries, hash-linked, under a signed checkpoint`);
  say.check('the log verifies', verified.ok && verified.entries > 0);

  const copy = join(place.folder, 'forged-log');
  cpSync(log, copy, { recursive: true });
  const before = await countersign(['audit', 'verify', copy]);
  flipOneByte(copy);
  const after = await countersign(['audit', 'verify', copy]);
  say.fact(`a copy with one byte changed: ${(after.stdout + after.stderr).trim().split('\n').at(0)}`);
  // 6: it ran to its end and found that the log does not verify.
  say.check('the copy verified, and the forgery is found', before.code === 0 && after.code === 6);
}

/** Changes one bit of a record in the middle of the log. */
function flipOneByte(log: string): void {
  const segment = readdirSync(log).find((name) => name.endsWith('.jsonl') && name.startsWith('log-'));
  if (!segment) throw new Error(`no segment in ${log}`);
  const path = join(log, segment);
  const bytes = readFileSync(path);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

import { createPrivateKey } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { steppedClock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import type { FaultCode } from '../kernel/fault-codes.ts';
import type { CheckpointSigner } from './checkpoint.ts';
import { checkpointSigner } from './checkpoint.ts';
import { type AuditLog, openAuditLog } from './log.ts';

/** An Ed25519 key for specifications; the seed is 32 times the octet. */
export function signerOf(name: string, octet = 7): CheckpointSigner {
  // RFC 8410 §7: PrivateKeyInfo of an Ed25519 seed.
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  const der = Buffer.concat([prefix, Buffer.alloc(32, octet)]);
  return checkpointSigner(name, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
}

export const origin = 'example.internal/gateway';
export const signer = signerOf(origin);

/** A folder of its own, removed at the end of the scope. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'countersign-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export function openLog(
  folder: string,
  options: Partial<Parameters<typeof openAuditLog>[0]> = {},
): Promise<AuditLog> {
  const clock = steppedClock(Date.parse('2026-11-24T10:00:00.000Z'));
  return openAuditLog({ folder, origin, clock, signer, ...options });
}

/** Appends one after the other, so that no two share a write. */
export async function appendCalls(log: AuditLog, count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    await log.append({
      type: at % 3 === 2 ? 'call.refused' : 'call.permitted',
      agent: `agent-${at % 2}`,
      at,
    });
  }
}

/** A closed log of 14 entries in files of 5, with checkpoints over 4, 10 and 14. */
export async function makeLog(folder: string, options: Parameters<typeof openLog>[1] = {}): Promise<void> {
  // No checkpoint but those below, however long a busy machine takes.
  const checkpointMilliseconds = 3_600_000;
  await using log = await openLog(folder, { segmentEntries: 5, checkpointMilliseconds, ...options });
  await appendCalls(log, 3);
  await log.checkpoint();
  await appendCalls(log, 6);
  await log.checkpoint();
  await appendCalls(log, 4);
}

export async function copyFolder(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await cp(from, to, { recursive: true });
}

/** All lines of a log in order. */
export async function linesOf(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return texts.join('').split('\n').slice(0, -1);
}

/** For `assert.rejects` and `assert.throws`. */
export function isFault(code: FaultCode): (error: unknown) => boolean {
  return (error) => error instanceof Fault && error.code === code;
}

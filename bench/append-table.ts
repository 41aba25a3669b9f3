import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { checkpointSigner } from '../src/audit/checkpoint.ts';
import { type AuditLog, openAuditLog } from '../src/audit/log.ts';
import { systemClock } from '../src/kernel/clock.ts';

/** A record of the size that a permit has. */
const event = {
  agent: 'bench-a',
  messages: [{ argumentsHash: 'x'.repeat(43), id: 1, kind: 'request', method: 'tools/call', target: 'echo' }],
  serial: '0'.repeat(32),
  server: 'bench',
  spiffeId: 'spiffe://example.internal/agent/bench-a',
  thumbprint: 'x'.repeat(43),
  type: 'call.permitted',
} as const;

/** How many entries a log takes in a second, as lines of Markdown. */
export async function appendTable(folder: string, milliseconds: number): Promise<readonly string[]> {
  const rows: string[] = [];
  const measure = async (name: string, act: (log: AuditLog) => Promise<number>): Promise<void> => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const origin = 'bench/gateway';
    await using log = await openAuditLog({
      folder: join(folder, String(rows.length)),
      origin,
      clock: systemClock,
      signer: checkpointSigner(origin, privateKey),
    });
    const began = performance.now();
    const before = process.cpuUsage();
    let count = 0;
    while (performance.now() - began < milliseconds) count += await act(log);
    // What was only taken so far is written as well.
    await log.checkpoint();
    const { user, system } = process.cpuUsage(before);
    const perSecond = (count * 1_000) / (performance.now() - began);
    rows.push(`| ${name} | ${perSecond.toFixed(0)} | ${((user + system) / count).toFixed(1)} |`);
  };
  for (const together of [1, 16, 64, 1_024]) {
    await measure(`durable, ${together} at a time`, async (log) => {
      await Promise.all(Array.from({ length: together }, () => log.append(event)));
      return together;
    });
  }
  await measure('queued', async (log) => {
    for (let at = 0; at < 256; at++) log.queue(event);
    await nextTurn();
    return 256;
  });
  return ['| entries are | entries/s | CPU µs an entry |', '|---|--:|--:|', ...rows];
}

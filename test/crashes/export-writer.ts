import { join } from 'node:path';
import { exportSettings, openExports } from '../../src/app/compose/open-exports.ts';
import { openLog } from '../../src/audit/log.fixture.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createRedactor } from '../../src/secrets/redact.ts';
import { createSecretResolver } from '../../src/secrets/resolve.ts';

/** Writes a log and exports it as a gateway does, until it is killed, or until `count` entries are written and taken. */
const [folder = '', count = '0'] = process.argv.slice(2);
const log = await openLog(folder, { clock: systemClock, segmentEntries: 40, checkpointMilliseconds: 20 });
const exports = openExports({
  settings: await exportSettings(join(folder, '../audit-export.yaml')),
  folder,
  audit: log,
  secrets: createSecretResolver({ environment: process.env, redactor: createRedactor(), clock: systemClock }),
  clock: systemClock,
  log: () => undefined,
});
const last = Number(count) || Number.MAX_SAFE_INTEGER;
for (let at = 0; at < last; at++) {
  const { index } = await log.append({ type: 'call.permitted', agent: 'ci-bot', at });
  process.stdout.write(`${index}\n`);
}
await log.checkpoint();
while (exports.status().some(({ lagEntries, taken }) => lagEntries > 0 || taken === 0)) {
  await new Promise((resolve) => setTimeout(resolve, 10));
}
await exports[Symbol.asyncDispose]();
await log[Symbol.asyncDispose]();

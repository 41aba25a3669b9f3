import { setTimeout as wait } from 'node:timers/promises';
import type { Answer } from '../src/http/outgoing.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { createRedactor } from '../src/secrets/redact.ts';
import { createSecretResolver } from '../src/secrets/resolve.ts';
import { createServerCredentials } from '../src/upstream/credential/server-credentials.ts';
import { defaultUpstreamLimits } from '../src/upstream/limits.ts';
import { createSubjectTokens } from '../src/upstream/credential/subject-tokens.ts';

/**
 * What the secrets of a server cost each call besides the call itself, while their values are in memory, and how often a
 * holder is asked meanwhile: `npm run bench:secrets`.
 */
const calls = 200_000;
let reads = 0;
await using secrets = createSecretResolver({
  environment: {},
  redactor: createRedactor(),
  clock: systemClock,
  holders: {
    vault: {
      async read() {
        reads += 1;
        await wait(1);
        return { fields: new Map([['token', 'a-key-of-some-length-0123456789']]), whole: null, lease: null };
      },
      async [Symbol.asyncDispose]() {},
    },
  },
});
const options = {
  limits: defaultUpstreamLimits,
  secrets,
  identity: () => ({ certificate: '', key: '' }),
  clock: systemClock,
  engine: 'wire',
  log: () => undefined,
  learn: () => undefined,
  subjects: createSubjectTokens(),
} as const;
const answer = { status: 200 } as Answer;
const request = { caller: 'a', signal: new AbortController().signal };

const rows: readonly (readonly [string, Record<string, string>])[] = [
  ['no header', {}],
  ['a header of plain text', { 'x-tenant': 'blue' }],
  ['a reference', { authorization: 'vault:kv/data/github#token' }],
  ['a reference in text', { authorization: 'Bearer ${vault:kv/data/github#token}' }],
];
for (const [what, headers] of rows) {
  await using credentials = createServerCredentials({ headers }, options);
  for (let warm = 0; warm < 20_000; warm++) await credentials.call(request, () => Promise.resolve(answer));
  const from = performance.now();
  for (let at = 0; at < calls; at++) await credentials.call(request, () => Promise.resolve(answer));
  const micros = ((performance.now() - from) * 1_000) / calls;
  process.stdout.write(`${what.padEnd(24)} ${micros.toFixed(2)} µs a call\n`);
}
process.stdout.write(`${calls * 2} calls with a reference had the holder asked ${reads} times.\n`);

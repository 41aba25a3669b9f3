import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { listen } from '../../src/http/listen.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { generateRequests } from './generated-requests.ts';
import { NodeReading } from './node-reading.ts';
import { randomOfCase, type SeededRandom } from './seeded-random.ts';

const connections = 600;
const atOnce = 40;
const seed = Number(process.env['DIFFERENTIAL_SEED'] ?? Date.now() % 1_000_000_000);

for (const engine of ['wire', 'node'] as const) {
  describe(`T6 T7 a listener with the ${engine} engine`, () => {
    test(`after ${connections} connections of damaged requests, cut off or not, nothing of them is left`, async () => {
      let open = 0;
      await using listener = await listen({
        name: 'test',
        host: '127.0.0.1',
        port: 0,
        tls: null,
        hosts: [],
        origins: [],
        clock: systemClock,
        engine,
        async handle(exchange) {
          open += 1;
          try {
            const body = await exchange.body({ bytes: 10_000, milliseconds: 60_000 });
            await exchange.respond(200, {}, body);
          } finally {
            open -= 1;
          }
        },
      });
      const before = timers();
      const troubles: string[] = [];
      for (let from = 0; from < connections; from += atOnce) {
        const batch = Array.from({ length: atOnce }, (_, at) =>
          hurt(listener.port, randomOfCase(seed, from + at)),
        );
        for (const trouble of await Promise.all(batch)) if (trouble !== null) troubles.push(trouble);
      }
      await soon(() => open === 0 && [...listener.connections()].length === 0 && timers() <= before);
      assert.deepEqual(
        { open, left: [...listener.connections()].length },
        { open: 0, left: 0 },
        `seed ${seed}`,
      );
      assert.ok(timers() <= before, `seed ${seed}: ${timers()} timers run, ${before} before`);
      if (engine === 'wire') assert.deepEqual(troubles, [], `seed ${seed}`);
    });
  });
}

/** One connection of a client that does not behave; why what it got is not a row of answers, or null. */
async function hurt(port: number, random: SeededRandom): Promise<string | null> {
  const socket = connect(port, '127.0.0.1');
  const reading = new NodeReading('responses');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined).on('data', (octets: Buffer) => reading.feed(octets));
  const pieces = generateRequests(random);
  // An answer to HEAD cannot be read by who does not know that it is one.
  const readable = !Buffer.concat(pieces).includes('HEAD');
  for (const piece of pieces) {
    if (socket.writable) socket.write(piece);
    if (random.once(3)) await new Promise((resolve) => setImmediate(resolve));
  }
  // Goes away at once, says that it is done, or waits a moment for the answers.
  const leave = random.below(3);
  if (leave === 1) socket.end();
  if (leave === 2) await new Promise((resolve) => setTimeout(resolve, 20));
  if (leave !== 1) socket.destroy();
  else setTimeout(() => socket.destroy(), 200);
  await closed;
  return readable ? reading.error : null;
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

async function soon(condition: () => boolean): Promise<void> {
  for (let waited = 0; waited < 300 && !condition(); waited++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

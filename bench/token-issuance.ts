import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { openTown } from '../test/journeys/deployment.ts';

/**
 * Access tokens a second of an authority with durable state and durable log, over mutual TLS: one connection that waits for each
 * answer, and sixteen: the second half of `npm run bench:tokens`. Everything runs on this machine, the clients too.
 */
const count = Number(process.env['TOKEN_COUNT'] ?? 2_000);

await using town = await openTown();
await town.addAgent('bench');
await town.addHttpServer('files', 'http://127.0.0.1:1');
const identity = await town.issue('bench');
const body = new URLSearchParams({
  grant_type: 'client_credentials',
  client_id: 'spiffe://example.internal/agent/bench',
  resource: town.endpoint('files'),
}).toString();

await issue(1, Math.ceil(count / 10));
for (const connections of [1, 16]) {
  const began = process.hrtime.bigint();
  await issue(connections, count);
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  process.stdout.write(
    `${(count / seconds).toFixed(0).padStart(8)} tokens/s  issued over ${connections} connection(s)\n`,
  );
}

async function issue(connections: number, tokens: number): Promise<void> {
  const { ca, cert, key } = identity;
  const agent = new Agent({ ca, cert, key, keepAlive: true, maxSockets: connections });
  let left = tokens;
  const one = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const sent = request(`${town.authorityUrl}/token`, {
        method: 'POST',
        agent,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      });
      sent.end(body);
      const [answer] = await once(sent, 'response');
      const text = (await answer.toArray()).join('');
      if (answer.statusCode !== 200) throw new Error(text);
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, one));
  } finally {
    agent.destroy();
  }
}

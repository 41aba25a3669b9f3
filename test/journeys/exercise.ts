import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AnyClient } from './sdk-clients.ts';

/** What the things of a server are called where the client looks. */
export interface Naming {
  tool(name: string): string;
  resource(uri: string): string;
}

const own: Naming = { tool: (name) => name, resource: (uri) => uri };

/** The naming of one server at the endpoint of all. */
export function within(server: string): Naming {
  return { tool: (name) => `${server}__${name}`, resource: (uri) => `mcp://${server}/${uri}` };
}

/**
 * List, call, progress, two questions of the server, a resource, a prompt, cancellation and a refusal, with a server
 * that has the tools of `sdk-tools.ts` and calls itself `version`.
 */
export async function exercise(client: AnyClient, version: string, naming = own): Promise<void> {
  const { tool, resource } = naming;
  const offered = ['ask', 'cancellations', 'count', 'echo', 'hang', 'sample'].map(tool);
  const listed = (await client.tools()).filter((name) => name.startsWith(tool('')));
  assert.deepEqual([...listed].sort(), offered);
  assert.equal(await client.call(tool('echo'), { args: { message: 'hi' } }), `${version} hi`);
  const steps: number[] = [];
  const onprogress = ({ progress }: { progress: number }): void => void steps.push(progress);
  assert.equal(await client.call(tool('count'), { onprogress }), 'counted');
  assert.deepEqual(steps, [1, 2, 3]);
  assert.equal(await client.call(tool('ask')), 'go true');
  assert.equal(await client.call(tool('sample')), 'said hello');
  assert.equal(await client.read(resource('note://hello')), `${version} note`);
  assert.equal(await client.prompt(tool('greet'), { name: 'Ada' }), `${version} greets Ada`);

  const before = Number(await client.call(tool('cancellations')));
  let counted = before;
  // On a slow machine the call may not have reached the server when it is cancelled: then it is made again and given longer.
  for (let milliseconds = 100; counted === before && milliseconds <= 6_400; milliseconds *= 4) {
    const stop = new AbortController();
    const hanging = client.call(tool('hang'), { signal: stop.signal });
    setTimeout(() => stop.abort(), milliseconds);
    await assert.rejects(hanging);
    for (let looked = 0; counted === before && looked < 50; looked++) {
      await sleep(10);
      counted = Number(await client.call(tool('cancellations')));
    }
  }
  assert.equal(counted, before + 1);
  await assert.rejects(client.call(tool('secret')), /no policy permits/);
}

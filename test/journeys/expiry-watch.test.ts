import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTown, type Presentable, until } from './deployment.ts';
import { type Ended, runHere } from './program.ts';

const secret = Buffer.alloc(32, 9);

/** A receiver that can be down; what it took is there when its signature is right. */
async function openReceiver() {
  const state = { up: false, refused: 0, taken: [] as { readonly [member: string]: unknown }[] };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = (await request.toArray()).join('');
    const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signature } = request.headers;
    const expected = createHmac('sha256', secret).update(`${id as string}.${time as string}.${body}`);
    assert.equal(signature, `v1,${expected.digest('base64')}`);
    if (state.up) state.taken.push(JSON.parse(body) as { readonly [member: string]: unknown });
    else state.refused += 1;
    response.writeHead(state.up ? 204 : 503).end();
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  return {
    state,
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/alerts`,
    [Symbol.dispose]: () => void server.close(),
  };
}

async function putIdentity(folder: string, { ca, cert, key }: Presentable): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'roots.pem'), ca);
  await writeFile(join(folder, 'certificate.pem'), cert);
  await writeFile(join(folder, 'key.pem'), key, { mode: 0o600 });
  return folder;
}

test('I10 an agent whose renewal is refused twice is alerted of to a receiver that was down, in commands and metrics, until it renews', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-expiry-'));
  using receiver = await openReceiver();
  await writeFile(join(folder, 'secret'), `whsec_${secret.toString('base64')}`, { mode: 0o600 });
  const alerts = { webhook: receiver.url, webhookSecret: `file:${join(folder, 'secret')}` };
  await using town = await openTown({}, { authority: { alerts } });
  try {
    const { authority, expiry, listeners } = town.deployment;
    await town.addAgent('ci-bot');
    const admin = await putIdentity(join(folder, 'admin'), await town.issue('operator', 'admin'));
    const agent = await putIdentity(join(folder, 'agent'), await town.issue('ci-bot'));
    const order = (...words: readonly string[]): Promise<Ended> =>
      runHere([...words, '--authority', town.authorityUrl, '--admin', admin, '--json']);
    const renew = (): Promise<Ended> => runHere(['cert', 'renew', agent, '--authority', town.authorityUrl]);
    await authority.changeAgentState('ci-bot', 'suspended', 'test');
    assert.equal((await renew()).code, 3);
    assert.deepEqual(await authority.store.alerts.list(false), [], 'one failure is none');
    assert.equal((await renew()).code, 3);
    await until(() => receiver.state.refused > 0);

    const [alert] = JSON.parse((await order('alert', 'list')).stdout) as {
      id: number;
      code: string;
      name: string;
    }[];
    assert.deepEqual([alert?.name, alert?.code], ['ci-bot', 'agent_inactive']);
    const seen = await order('alert', 'ack', String(alert?.id));
    assert.equal((JSON.parse(seen.stdout) as { acknowledgedBy: string }).acknowledgedBy, 'operator');
    assert.equal((await order('alert', 'ack', '999')).code, 4);
    const read = async (path: string): Promise<string> =>
      (await fetch(`${listeners['ops']?.url}${path}`)).text();
    const metrics = await read('/metrics');
    assert.match(metrics, /countersign_alerts_unresolved\{cause="renewal-failing"\} 1/);
    assert.match(metrics, /countersign_certificates_ending\{kind="intermediate",within="7d"\} 0/);
    assert.match(metrics, /countersign_certificate_soonest_end_seconds\{kind="root"\} \d+/);
    assert.match(metrics, /countersign_renewals_failed_total 2/);
    const ready = JSON.parse(await read('/readyz')) as { ready: boolean; parts: { alerts: { ok: boolean } } };
    assert.deepEqual([ready.ready, ready.parts.alerts.ok], [true, false]);

    await authority.changeAgentState('ci-bot', 'active', 'test');
    assert.equal((await renew()).code, 0);
    await expiry.look();
    receiver.state.up = true;
    await until(() => receiver.state.taken.length === 2);
    const told = receiver.state.taken.map(({ cause, state, code }) => [cause, state, code]);
    assert.deepEqual(told, [
      ['renewal-failing', 'open', 'agent_inactive'],
      ['renewal-failing', 'resolved', 'agent_inactive'],
    ]);
    assert.deepEqual(JSON.parse((await order('alert', 'list')).stdout), []);
    assert.equal((JSON.parse((await order('alert', 'list', '--all')).stdout) as unknown[]).length, 1);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

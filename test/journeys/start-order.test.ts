import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort } from '../interop/free-port.ts';
import { openTown, until } from './deployment.ts';
import { mutualFetch } from './mcp-clients.ts';
import { modernRequest } from './raw-agent.ts';
import { start } from './program.ts';
import { openScriptedServer } from './scripted-server.ts';

/** The status of a call; 503 where the connection was cut, as a gateway that may not serve does with idle ones. */
async function callAt(agents: string, fetched: ReturnType<typeof mutualFetch>): Promise<number> {
  const asked = modernRequest(1, 'tools/call', { name: 'work', arguments: {} });
  try {
    const response = await fetched(`${agents}/mcp/scripted`, { method: 'POST', ...asked });
    await response.text();
    return response.status;
  } catch {
    return 503;
  }
}

test('U8 I7 a gateway that is started before its authority waits for it, refuses until it has heard from it, and then serves by itself', async () => {
  await using opened = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), 'countersign-order-'));
  opened.defer(() => rm(root, { recursive: true, force: true }));
  const server = opened.use(
    await openScriptedServer({ 'tools/call': { content: [], resultType: 'complete' } }),
  );
  const town = opened.use(await openTown());
  await town.addHttpServer('scripted', server.url);
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  const shown = await town.issue('ci-bot');
  const addresses = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'] };
  const order = { name: 'edge', kind: 'gateway', minutes: 30, ...addresses } as const;
  const { token, rootFingerprint } = await town.deployment.authority.createJoinToken(order, 'test');
  const passphrase = join(root, 'passphrase');
  await writeFile(passphrase, town.passphrase, { mode: 0o600 });
  await town.deployment[Symbol.asyncDispose]();
  const folder = join(root, 'authority');
  await cp(town.data.folder, folder, { recursive: true });

  const port = await freePort();
  const ops = await freePort();
  const words = [
    'gateway',
    '--authority',
    `https://localhost:${port}`,
    '--name',
    'edge',
    '--state',
    join(root, 'edge'),
  ];
  const arrive = ['--ca-fingerprint', rootFingerprint, '--join-token', token];
  const any = { COUNTERSIGN_LISTENERS_AGENTS_PORT: '0', COUNTERSIGN_LISTENERS_OPS_PORT: String(ops) };
  const authority = () =>
    start(['authority', '--folder', folder, '--passphrase-file', passphrase], {
      COUNTERSIGN_LISTENERS_AUTHORITY_PORT: String(port),
      COUNTERSIGN_LISTENERS_PEOPLE_PORT: '0',
      COUNTERSIGN_LISTENERS_PLAIN_PORT: '0',
      COUNTERSIGN_LISTENERS_OPS_PORT: '0',
    });
  await using fetched = mutualFetch(shown);
  const call = (agents: string): Promise<number> => callAt(agents, fetched);
  const ready = async (): Promise<number> => (await fetch(`http://127.0.0.1:${ops}/readyz`)).status;

  // The first start, which has to enrol: it comes up when the authority does.
  const enrolling = start([...words, ...arrive], any);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  {
    await using _authority = await authority();
    await using gateway = await enrolling;
    let status = 0;
    await until(
      () => status === 200,
      async () => {
        status = await call(gateway.first.listening['agents'] ?? '');
      },
      30_000,
    );
  }
  // Any later start: it is up at once, and refuses.
  await using gateway = await start(words, any);
  const agents = gateway.first.listening['agents'] ?? '';
  assert.equal(await ready(), 503);
  assert.equal(await call(agents), 503);
  await using _authority = await authority();
  let status = 0;
  await until(
    () => status === 200,
    async () => {
      status = await ready();
    },
    30_000,
  );
  assert.equal(await call(agents), 200);
  assert.equal(server.asked.filter(({ method }) => method === 'tools/call').length >= 2, true);
});

/** A way to a port that can be cut: then connections end, and new ones with them. */
async function openWay(port: number) {
  let cut = false;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    if (cut) {
      socket.destroy();
      return;
    }
    const behind = connect(port, '127.0.0.1');
    behind.on('error', () => socket.destroy());
    for (const one of [socket, behind]) {
      sockets.add(one);
      one.once('close', () => {
        sockets.delete(one);
        socket.destroy();
        behind.destroy();
      });
    }
    socket.pipe(behind).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const set = (to: boolean): void => {
    cut = to;
    if (cut) for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    set,
    async [Symbol.asyncDispose]() {
      set(true);
      server.close();
      await once(server, 'close');
    },
  };
}

test('I7 U8 of two gateways the one that is cut off from the authority refuses after the limit, and goes on by itself when it is back', async () => {
  await using opened = new AsyncDisposableStack();
  const state = await mkdtemp(join(tmpdir(), 'countersign-partition-'));
  opened.defer(() => rm(state, { recursive: true, force: true }));
  const server = opened.use(
    await openScriptedServer({ 'tools/call': { content: [], resultType: 'complete' } }),
  );
  const town = opened.use(await openTown());
  await town.addHttpServer('scripted', server.url);
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  const fetched = opened.use(mutualFetch(await town.issue('ci-bot')));
  const way = opened.use(await openWay(Number(new URL(town.authorityUrl).port)));
  const addresses = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'] };
  const order = { name: 'edge', kind: 'gateway', minutes: 5, ...addresses } as const;
  const { token, rootFingerprint } = await town.deployment.authority.createJoinToken(order, 'test');
  const words = [
    'gateway',
    '--authority',
    `https://localhost:${way.port}`,
    '--name',
    'edge',
    '--state',
    state,
  ];
  const arrive = ['--ca-fingerprint', rootFingerprint, '--join-token', token, '--ports', 'any'];
  const edge = opened.use(
    await start([...words, ...arrive], { COUNTERSIGN_GATEWAY_STALENESS_MILLISECONDS: '2000' }),
  );
  const [cutOff, other] = [edge.first.listening['agents'] ?? '', town.gateway.agents.url];
  let status = 0;
  const look = async (): Promise<void> => {
    status = await callAt(cutOff, fetched);
  };
  await until(() => status === 200, look, 30_000);
  way.set(true);
  await until(() => status === 503, look, 30_000);
  assert.equal(await callAt(other, fetched), 200, 'the other one goes on');
  // What was taken away meanwhile counts as soon as it is back.
  await town.permit(
    'permit (principal, action, resource); forbid (principal, action == Action::"tools/call", resource);',
  );
  assert.equal(await callAt(cutOff, fetched), 503);
  way.set(false);
  await until(() => status === 200 || status === 403, look, 30_000);
  const reached = server.asked.filter(({ method }) => method === 'tools/call').length;
  await look();
  assert.equal(server.asked.filter(({ method }) => method === 'tools/call').length, reached);
});

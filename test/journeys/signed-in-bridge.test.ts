import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { startBridge } from '../../src/bridge/bridge.ts';
import type { SignInSettings } from '../../src/bridge/oauth/sign-in.ts';
import { signOutOfGateway } from '../../src/bridge/sign-out.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openTown, type Town } from './deployment.ts';
import { personWithPasskey, sayYes, wantTokens } from './say-yes.ts';
import { sdkServers } from './sdk-servers.ts';

const agent = 'helper';

describe('O1, O2, O6 a bridge before our own gateway, where a server wants tokens', () => {
  const opened = new AsyncDisposableStack();
  let town: Town;
  let folder: string;
  let joinToken: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-'));
    opened.defer(() => rm(folder, { recursive: true, force: true }));
    town = opened.use(await openTown());
    const server = sdkServers.find(({ name }) => name === 'v2-http-sessions');
    if (!server) throw new Error('there is no such server');
    opened.use(await server.open(town));
    await town.addAgent(agent);
    await town.permit('permit (principal, action, resource);');
    await wantTokens(town, 'v2-http-sessions');
    const order = { name: agent, kind: 'agent', dnsNames: [], ipAddresses: [], minutes: 5 } as const;
    joinToken = (await town.deployment.authority.createJoinToken(order, 'test')).token;
  });
  after(() => opened.disposeAsync());

  const gateway = (): string => town.endpoint('v2-http-sessions');
  const bridgeFor = async (way: SignInSettings['way'], visit: (url: string) => Promise<void>) => {
    const log: string[] = [];
    const bridge = await startBridge({
      gateway: gateway(),
      authority: town.authorityUrl,
      agent,
      joinToken,
      authorityFile: null,
      rootFingerprint: town.deployment.authority.describe().rootFingerprint,
      stateFolder: join(folder, 'state'),
      environment: {},
      signIn: {
        settings: {
          way,
          issuer: null,
          scopes: [],
          client: { configured: null, document: null, register: false },
        },
        callbackPort: null,
        hasBrowser: true,
        showPage: (url) => void visit(url).catch((error: unknown) => log.push(String(error))),
        showCode: ({ url }) => void visit(url).catch((error: unknown) => log.push(String(error))),
      },
      face: { kind: 'http', port: 0 },
      clock: systemClock,
      log: (line) => log.push(line),
    });
    const url = bridge.face.kind === 'http' ? bridge.face.url : '';
    return { url, log, [Symbol.asyncDispose]: () => bridge[Symbol.asyncDispose]() };
  };
  const useTools = async (url: string): Promise<void> => {
    const client = new Client({ name: 'test', version: '1' });
    await client.connect(new StreamableHTTPClientTransport(new URL(url)));
    const { tools } = await client.listTools();
    assert.ok(tools.some(({ name }) => name === 'echo'));
    await client.callTool({ name: 'echo', arguments: { message: 'certificates, not keys' } });
    await client.close();
  };
  const lastPermit = async () => (await town.events()).findLast(({ type }) => type === 'call.permitted');

  test('O6 without a person the certificate gets the token, and the log says which', async () => {
    await using bridge = await bridgeFor('client-credentials', () => Promise.reject(new Error('asked')));
    await useTools(bridge.url);
    const permit = await lastPermit();
    assert.deepEqual(
      ['agent', 'client', 'binding', 'issuer'].map((name) => permit?.[name]),
      [agent, `spiffe://example.internal/agent/${agent}`, 'mtls', 'countersign'],
    );
    assert.deepEqual(
      bridge.log.filter((line) => /asked|[Nn]o sign-in/.test(line)),
      [],
    );
  });

  test('O2 a person signs in with a passkey and says yes, and the agent acts for them until they sign out', async () => {
    const browser = opened.use(await personWithPasskey(town, 'alice'));
    let pages = 0;
    const visit = async (url: string): Promise<void> => {
      pages++;
      await fetch(await sayYes(browser, url));
    };
    {
      await using bridge = await bridgeFor('browser', visit);
      await useTools(bridge.url);
    }
    assert.match(String((await lastPermit())?.['person']), /alice/);
    await using again = await bridgeFor('browser', visit);
    await useTools(again.url);
    assert.equal(pages, 1, 'the sign-in outlives the bridge');
    const at = {
      gateway: gateway(),
      authority: town.authorityUrl,
      agent,
      stateFolder: join(folder, 'state'),
    };
    const ended = await signOutOfGateway({ ...at, environment: {}, rootsFile: null, clock: systemClock });
    assert.deepEqual(ended, { kind: 'ended', issuer: town.authorityUrl });
  });
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createFixtureAuthority } from '../../src/http/tls.fixture.ts';
import { openTown, type Presentable, type Town, until } from './deployment.ts';
import { openLegacyServer } from './mcp-servers.ts';
import { program } from './program.ts';
import { openSecondGateway } from './second-gateway.ts';

const initialize = {
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
};
const echo = { id: 1, method: 'tools/call', params: { name: 'echo', arguments: { message: 'hi' } } };

interface Spoken {
  readonly code: number | null;
  /** Standard output, line by line. */
  readonly lines: readonly string[];
  readonly stderr: readonly string[];
}

interface Speaking {
  say(message: object): void;
  raw(text: string): void;
  lines(): readonly string[];
  end(): Promise<Spoken>;
}

/** The bridge as an MCP client starts it, with nothing of ours between. */
function speak(words: readonly string[], environment: Record<string, string> = {}): Speaking {
  const child = spawn(process.execPath, [program, 'bridge', ...words], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', HOME: environment['HOME'] ?? '/nonexistent', ...environment },
  });
  let stdout = '';
  let stderr = '';
  child.stdin.on('error', () => undefined);
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const closed = once(child, 'close');
  const whole = (text: string): string[] => text.split('\n').filter((line) => line !== '');
  return {
    say: (message) => void child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`),
    raw: (text) => void child.stdin.write(text),
    lines: () => whole(stdout),
    async end() {
      child.stdin.end();
      await closed;
      return { code: child.exitCode, lines: whole(stdout), stderr: whole(stderr) };
    },
  };
}

/** Every line is one JSON-RPC message. */
function onlyProtocol(lines: readonly string[]): readonly { id?: unknown; error?: { message: string } }[] {
  return lines.map((line) => {
    const message = JSON.parse(line) as { jsonrpc?: string; id?: unknown; error?: { message: string } };
    assert.equal(message.jsonrpc, '2.0', line);
    return message;
  });
}

describe('U2 the bridge as a program', () => {
  const opened = new AsyncDisposableStack();
  let town: Town;
  let shown: Presentable;
  let folder = '';
  let gateway = '';

  before(async () => {
    const old = opened.use(await openLegacyServer());
    town = opened.use(await openTown());
    folder = await mkdtemp(join(tmpdir(), 'countersign-program-'));
    opened.defer(() => rm(folder, { recursive: true, force: true }));
    await town.addHttpServer('old', old.url);
    await town.addAgent('ci-bot');
    await town.permit('permit (principal, action, resource);');
    shown = await town.issue('ci-bot');
    gateway = town.endpoint('old');
  });
  after(() => opened.disposeAsync());

  const files = async (name: string, of: Presentable): Promise<Record<string, string>> => {
    const at = join(folder, name);
    await mkdir(at, { recursive: true });
    const variables = { MCP_CLIENT_CERT: 'cert', MCP_CLIENT_KEY: 'key', MCP_CA_CERT: 'ca' } as const;
    const environment: Record<string, string> = { HOME: at };
    for (const [variable, member] of Object.entries(variables)) {
      environment[variable] = join(at, `${member}.pem`);
      await writeFile(join(at, `${member}.pem`), of[member], { mode: 0o600 });
    }
    return environment;
  };

  test('MCP_CLIENT_CERT, MCP_CLIENT_KEY and MCP_CA_CERT are all it needs; it stores nothing and takes renewed files', async () => {
    const environment = await files('named', shown);
    const bridge = speak(['--gateway', gateway], environment);
    bridge.say(initialize);
    bridge.say({ method: 'notifications/initialized' });
    bridge.say(echo);
    await until(() => bridge.lines().length >= 2);
    const renewed = await town.issue('ci-bot');
    for (const [member, pem] of [
      ['key', renewed.key],
      ['cert', renewed.cert],
    ] as const) {
      await writeFile(join(folder, 'named', 'next'), pem, { mode: 0o600 });
      await rename(join(folder, 'named', 'next'), join(folder, 'named', `${member}.pem`));
    }
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    bridge.say({ ...echo, id: 2 });
    await until(() => bridge.lines().length >= 3);
    const { code, lines, stderr } = await bridge.end();
    assert.equal(code, 0);
    assert.deepEqual(
      onlyProtocol(lines).map(({ id }) => id),
      [0, 1, 2],
    );
    assert.deepEqual(stderr, []);
    assert.deepEqual((await readdir(join(folder, 'named'))).sort(), ['ca.pem', 'cert.pem', 'key.pem']);
    const serials = (await town.events())
      .filter(
        ({ type, messages }) => type === 'call.permitted' && JSON.stringify(messages).includes('tools/call'),
      )
      .map(({ serial }) => serial);
    assert.deepEqual(serials, [shown.serial, renewed.serial]);
  });

  test('a start that cannot be is one line on standard error, an exit code, and nothing on standard output', async () => {
    const usual = ['--authority', town.authorityUrl, '--agent', 'ci-bot'];
    const { rootFingerprint } = town.deployment.authority.describe();
    const named = await files('bad', shown);
    await writeFile(join(folder, 'open-key.pem'), shown.key, { mode: 0o644 });
    const foreign = `sha256:${'0'.repeat(64)}`;
    const starts: readonly {
      words: string[];
      environment?: Record<string, string>;
      code: number;
      says: RegExp;
    }[] = [
      { words: ['--gateway', gateway, ...usual], code: 3, says: /join-token create ci-bot/ },
      { words: ['--gateway', 'http://127.0.0.1:1/mcp/old', ...usual], code: 2, says: /https URL/ },
      {
        words: ['--gateway', gateway, ...usual, '--join-token', 'x', '--ca-fingerprint', foreign],
        code: 3,
        says: /another root/,
      },
      {
        words: [
          '--gateway',
          gateway,
          ...usual,
          '--join-token',
          'not-a-token',
          '--ca-fingerprint',
          rootFingerprint,
        ],
        code: 3,
        says: /join token/i,
      },
      {
        words: ['--gateway', gateway, '--authority', 'https://127.0.0.1:1', '--agent', 'ci-bot'].concat(
          '--join-token',
          'x',
          '--ca-fingerprint',
          rootFingerprint,
        ),
        code: 5,
        says: /127\.0\.0\.1:1/,
      },
      {
        words: ['--gateway', gateway],
        environment: { MCP_CLIENT_CERT: 'x' },
        code: 2,
        says: /MCP_CLIENT_KEY/,
      },
      {
        words: ['--gateway', gateway],
        environment: { ...named, MCP_CLIENT_KEY: join(folder, 'open-key.pem') },
        code: 3,
        says: /chmod 600|mode/,
      },
      { words: [], code: 2, says: /--gateway/ },
    ];
    const start = async ({ words, environment = {}, code, says }: (typeof starts)[number]): Promise<void> => {
      const home = join(folder, 'home');
      const ended = await speak(words, { HOME: home, ...environment }).end();
      const what = `${words.join(' ')}: ${ended.stderr.join('\n')}`;
      assert.equal(ended.code, code, what);
      assert.deepEqual(ended.lines, [], what);
      assert.equal(ended.stderr.length, 1, what);
      assert.match(ended.stderr[0] ?? '', says);
    };
    await Promise.all(starts.map(start));
  });

  test('a gateway that cannot be reached, is not trusted or refuses is told in one line, and to the client as an error', async () => {
    const partner = createFixtureAuthority('Another Root');
    const revoked = await town.issue('ci-bot');
    await town.deployment.authority.revoke({ serial: revoked.serial, reason: 'test' }, 'test');
    const troubles: readonly { of: Presentable; to: string; says: RegExp }[] = [
      { of: shown, to: 'https://127.0.0.1:1/mcp/old', says: /cannot be reached.*Check the address/ },
      { of: { ...shown, ca: partner.certificate }, to: gateway, says: /not trusted.*Check the address/ },
      { of: revoked, to: gateway, says: /revoked/ },
    ];
    const meet = async ({ of, to, says }: (typeof troubles)[number], at: number): Promise<void> => {
      const bridge = speak(['--gateway', to], await files(`trouble-${at}`, of));
      bridge.say(initialize);
      await until(() => bridge.lines().length > 0, undefined, 60_000);
      const { code, lines, stderr } = await bridge.end();
      assert.equal(code, 0, 'the bridge stays for as long as its client does');
      const [answer] = onlyProtocol(lines);
      assert.equal(answer?.id, 0);
      assert.match(answer.error?.message ?? '', says);
      assert.ok(stderr.length <= 1, stderr.join('\n'));
      if (at < 2) assert.match(stderr[0] ?? '', says);
    };
    await Promise.all(troubles.map(meet));
  });

  test('the first start enrols into the per-user place, which is the owner’s alone; the next needs no token', async () => {
    const home = join(folder, 'someone');
    await mkdir(home);
    const { authority } = town.deployment;
    const order = { name: 'ci-bot', kind: 'agent', dnsNames: [], ipAddresses: [], minutes: 5 } as const;
    const { token, rootFingerprint } = await authority.createJoinToken(order, 'test');
    const usual = ['--gateway', gateway, '--authority', town.authorityUrl, '--agent', 'ci-bot'];
    for (const more of [['--join-token', token, '--ca-fingerprint', rootFingerprint], []]) {
      const bridge = speak([...usual, ...more], { HOME: home });
      bridge.say(initialize);
      await until(() => bridge.lines().length > 0);
      const { code, lines, stderr } = await bridge.end();
      assert.equal(code, 0, stderr.join());
      assert.equal(onlyProtocol(lines)[0]?.error, undefined);
    }
    const { port } = new URL(town.authorityUrl);
    const place = join(home, '.local', 'state', 'countersign', `127.0.0.1_${port}`, 'ci-bot');
    assert.deepEqual((await readdir(place)).sort(), ['certificate.pem', 'key.pem', 'root.pem']);
    assert.equal((await stat(place)).mode & 0o777, 0o700);
    for (const name of await readdir(place))
      assert.equal((await stat(join(place, name))).mode & 0o777, 0o600);
  });

  test('a gateway that restarts is waited for: one line when it is gone, one when it is back, and the call is answered', async () => {
    const first = await openSecondGateway(town);
    const { port } = first.gateway.agents;
    const bridge = speak(
      ['--gateway', first.endpoint('old')],
      await files('restart', await town.issue('ci-bot')),
    );
    bridge.say(initialize);
    await until(() => bridge.lines().length === 1);
    bridge.say({ method: 'notifications/initialized' });
    bridge.say(echo);
    await until(() => bridge.lines().length === 2);
    await first[Symbol.asyncDispose]();
    bridge.say({ ...echo, id: 2 });
    await new Promise((resolve) => setTimeout(resolve, 700));
    assert.equal(bridge.lines().length, 2, 'it is not answered while the gateway is away');
    await using second = await openSecondGateway(town, {}, port);
    assert.equal(second.gateway.agents.port, port);
    await until(() => bridge.lines().length === 3);
    const { code, lines, stderr } = await bridge.end();
    assert.equal(code, 0);
    assert.match(lines[2] ?? '', /"id":2.*legacy hi|legacy hi.*"id":2/);
    assert.equal(
      stderr.filter((line) => /cannot be reached.*Check the address/.test(line)).length,
      1,
      stderr.join('\n'),
    );
    assert.ok(stderr.some((line) => /answers again/.test(line)));
    // What one gateway sealed opens at the next, so the session goes on.
    assert.ok(!stderr.some((line) => /a new one was opened/.test(line)));
  });

  test('whatever the client writes, standard output holds protocol alone', async () => {
    const bridge = speak(['--gateway', gateway], await files('garbage', shown));
    bridge.say(initialize);
    bridge.raw('not json\n\n{"half":\n[]\n"text"\n{"jsonrpc":"2.0","id":5}\n\u0000\n');
    bridge.say({ method: 'notifications/unknown' });
    bridge.say({ id: 6, method: 'no/such-method' });
    bridge.say(echo);
    await until(() => bridge.lines().some((line) => line.includes('legacy hi')));
    const { code, lines, stderr } = await bridge.end();
    assert.equal(code, 0);
    assert.ok(onlyProtocol(lines).length >= 7);
    assert.deepEqual(stderr, []);
  });
});

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import { post } from '../../tour/raw-request.ts';
import type { Presentable } from '../journeys/deployment.ts';
import { passphrase } from '../journeys/fresh-authority.ts';
import { runHere } from '../journeys/program.ts';
import { isAnswered, openCaller } from './kit/caller.ts';
import { openEchoServer } from './kit/echo-server.ts';
import { type GatewayProcess, openProcessTown, type ProcessTown, textIn } from './kit/process-town.ts';
import { pause, until } from './kit/until.ts';

test('I1 I6 A2 agents, gateways, a server and the issuing intermediate get other certificates and policies change, under load and without a failed call', {
  timeout: 240_000,
}, async (context) => {
  await using town = await openProcessTown();
  const server = await serverIdentity(town);
  await using echo = await openEchoServer(server);
  const tls = { authority: town.data.rootCertificate, presentCertificate: true };
  const definition = { name: 'echo', transport: 'http', url: echo.url, tls, tools: 'unpinned' };
  await town.ask('server.add', { definition });
  await town.permit('permit (principal, action, resource);');
  const gateways = await Promise.all(['one', 'two'].map((name) => town.startGateway(name)));
  const failures: string[] = [];
  const [over, counts] = [new AbortController(), { calls: 0, renewals: 0 }];
  const agents = await Promise.all(
    gateways.flatMap((gateway, at) =>
      ['a', 'b'].map(async (letter) => {
        const name = `bot-${letter}${at}`;
        await town.addAgent(name);
        return { name, gateway, shown: await town.issue(name) };
      }),
    ),
  );
  for (const { gateway, shown } of agents) {
    using caller = openCaller(gateway.endpoint('echo'), shown);
    await until('a first answer', async () => isAnswered(await caller.call('hi')));
  }
  const first = await Promise.all(gateways.map(serialOf(agents[0]?.shown)));
  // Each calls without a pause; every ten calls it has another certificate, and a new connection with it.
  const load = agents.map(async (agent) => {
    let { shown } = agent;
    while (!over.signal.aborted) {
      using caller = openCaller(agent.gateway.endpoint('echo'), shown);
      for (let at = 0; at < 10; at += 1) {
        const answer = await caller.call(`${agent.name} ${counts.calls}`);
        if (!isAnswered(answer)) failures.push(answer.failure ?? answer.body);
        counts.calls += 1;
      }
      shown = await renewed(town, agent.name, shown);
      counts.renewals += 1;
    }
  });
  const changing = (async () => {
    for (let mark = 0; !over.signal.aborted; mark += 1) {
      await town.permit(`permit (principal, action, resource); // ${mark}`);
      await pause(200);
    }
  })();

  const some = () => {
    const { calls, renewals } = counts;
    return until('more load', () => counts.calls > calls + 60 && counts.renewals > renewals + 6);
  };
  await some();
  echo.replace(await serverIdentity(town));
  await some();
  await rotate(town, 'intermediate', '--root-key', town.data.rootKey);
  await some();
  await rotate(town, 'activate');
  await until('other certificates of both gateways', async () => {
    const now = await Promise.all(gateways.map(serialOf(agents[0]?.shown)));
    return now.every((serial, at) => serial !== first[at]);
  });
  await some();
  over.abort();
  await Promise.all([...load, changing]);
  context.diagnostic(`${counts.calls} calls, ${counts.renewals} renewals, ${failures.length} failures`);
  assert.deepEqual(failures, []);
  assert.equal(
    echo.reached.length,
    counts.calls + firstAnswers(echo.reached),
    'each call reached the server once',
  );
});

/** Calls that were made before the load. */
function firstAnswers(reached: readonly string[]): number {
  return reached.filter((message) => message === 'hi').length;
}

async function serverIdentity(town: ProcessTown): Promise<{ readonly cert: string; readonly key: string }> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const names = { dnsNames: ['localhost'], ipAddresses: [] };
  const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: 'echo' }, names));
  const answer = await town.ask('certificate.issue', { name: 'echo', kind: 'server', csr, ...names });
  return {
    cert: textIn(answer, 'certificate'),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}

async function renewed(town: ProcessTown, name: string, shown: Presentable): Promise<Presentable> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: name }));
  const { status, body } = await post(`${town.authorityUrl}/v1/enrol/renew`, shown, false, { csr }, {});
  assert.equal(status, 200, body);
  const { certificate, roots, serial } = JSON.parse(body) as Record<string, string>;
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  return { ca: roots ?? '', cert: certificate ?? '', key, serial: serial ?? '' };
}

/** The serial of the certificate that a gateway shows now. */
function serialOf(shown: Presentable | undefined): (gateway: GatewayProcess) => Promise<string> {
  return async ({ endpoint }) => {
    const port = Number(new URL(endpoint('echo')).port);
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ...shown });
    await once(socket, 'secureConnect');
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
}

async function rotate(town: ProcessTown, ...words: readonly string[]): Promise<void> {
  const file = join(town.root, 'passphrase');
  await writeFile(file, passphrase, { mode: 0o600 });
  const locked = words[0] === 'intermediate' ? ['--passphrase-file', file] : [];
  const at = ['--authority', town.authorityUrl, '--admin', town.data.admin];
  const { code, stderr } = await runHere(['rotate', ...words, ...locked, ...at]);
  assert.equal(code, 0, stderr);
}

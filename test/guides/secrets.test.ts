import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { test } from 'node:test';
import type { Json } from '../../src/kernel/canonical-json.ts';
import { missing } from '../interop/missing.ts';
import { program, skip as noOpenBao, startOpenBao } from '../interop/open-bao.ts';
import { openTown } from '../journeys/deployment.ts';
import { openHttpServer } from '../journeys/mcp-servers.ts';
import { agentFor, runGuide, townFor } from './run-guide.ts';

const answers: Readonly<Record<string, Json>> = {
  initialize: {
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'work', version: '1' },
  },
  'tools/list': { tools: [{ name: 'work', inputSchema: { type: 'object' } }] },
  'tools/call': { content: [{ type: 'text', text: 'done' }] },
};

const skip = noOpenBao || missing('bash', 'curl');

test('S1 the commands of the guide to keys in OpenBao do what it says, and no key is in anything that is kept or said', {
  skip,
  timeout: 150_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  await using opened = new AsyncDisposableStack();
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const bao = opened.use(await startOpenBao(join(folder, 'bao'), { transit: false }));
  const lines: string[] = [];
  const vault = { address: bao.address, ca: bao.authorities, addresses: 'any', role: 'gateway' };
  const town = opened.use(await openTown({}, { secrets: { vault }, log: (line) => lines.push(line) }));
  const keys = join(folder, 'keys');
  let refused = 0;
  const server = opened.use(
    await openHttpServer(async (request, response, body) => {
      const { id, method } = (body ?? {}) as { readonly id?: Json; readonly method?: string };
      const good = request.headers.authorization === `Bearer ${readFileSync(keys, 'utf8')}`;
      if (!good) refused += 1;
      response.writeHead(good ? (id === undefined ? 202 : 200) : 401, { 'content-type': 'application/json' });
      response.end(
        id === undefined ? '' : JSON.stringify({ jsonrpc: '2.0', id, result: answers[method ?? ''] }),
      );
    }),
  );
  await town.permit('permit (principal, action, resource);');
  await writeFile(keys, 'none yet');
  // The guide says `bao`, which is to be found as on a machine where it is installed.
  process.env['PATH'] = `${dirname(program)}${delimiter}${process.env['PATH']}`;
  const known = {
    ...(await townFor(town, folder)),
    GATEWAY: town.gateway.agents.url,
    AGENT: await agentFor(town, 'ci-bot', folder),
    ROOT: town.data.rootCertificate,
    SERVER: server.url,
    PROGRAM: 'server.js',
    KEYS: keys,
    BAO_ADDR: bao.address,
    BAO_CACERT: bao.authorities,
    BAO_TOKEN: bao.rootToken,
  };
  await runGuide('secrets-openbao', known, async ({ code, said, folder: made }) => {
    assert.equal(code, 0, said);
    assert.match(
      said,
      /vault:kv\/data\/github#token resolves, from Vault at \S+, login certificate\. It has no lease\./,
    );
    assert.match(said, /headers\.authorization holds what looks like a secret in plain text/);
    assert.match(said, /does not let it be read, or not with this login/);
    assert.ok(refused > 0 && refused < 20, String(refused));
    for (const name of ['first.key', 'second.key']) {
      const key = await readFile(join(made, name), 'utf8');
      assert.match(key, /^key-[0-9a-f]{32}$/);
      const kept = await everythingIn(town.data.folder);
      const definitions = JSON.stringify([...town.gateway.view.servers().values()]);
      for (const text of [said, definitions, lines.join('\n'), kept]) assert.ok(!text.includes(key));
    }
  });
});

/** Every file below a folder, as one text. */
async function everythingIn(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const texts = await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'latin1')));
  return texts.join('\n');
}

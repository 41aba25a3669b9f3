import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sha256Base64url } from '../../src/kernel/bytes.ts';
import { canonicalJson } from '../../src/kernel/canonical-json.ts';
import { listSegments } from '../../src/audit/segment.ts';
import { verifyAuditLog } from '../../src/audit/verify.ts';
import { openTown } from '../journeys/deployment.ts';
import { mutualFetch } from '../journeys/mcp-clients.ts';
import { openModernServer } from '../journeys/mcp-servers.ts';
import { start } from '../journeys/program.ts';

const moments = [5, 20, 45, 80, 120, 170, 240, 330];

test('S4 whenever the gateway is killed, every call that reached a server has its "permitted" entry', async () => {
  await using modern = await openModernServer();
  const place = await prepare(modern.url);
  let reached = 0;
  for (const milliseconds of moments) {
    const before = callsSeen(modern.seen).length;
    const up = await start(['up', '--folder', place.folder, '--ports', 'any', ...place.unlock]);
    const url = `${up.first.listening['agents']}/mcp/modern`;
    await using fetch = mutualFetch(place.shown);
    const stop = new AbortController();
    const callers = [1, 2, 3, 4].map((caller) =>
      hammer(url, fetch, `${milliseconds}-${caller}`, stop.signal),
    );
    // The moment counts from the first call that arrived.
    while (callsSeen(modern.seen).length === before) await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    up.child.kill('SIGKILL');
    await up[Symbol.asyncDispose]();
    stop.abort();
    await Promise.all(callers);
    const permitted = await permittedHashes(join(place.folder, 'gateway-log'));
    for (const { body } of callsSeen(modern.seen).slice(before)) {
      const { params } = JSON.parse(body) as { params: { arguments: { message: string } } };
      const hash = sha256Base64url(canonicalJson(params.arguments));
      assert.ok(permitted.has(hash), `${params.arguments.message} reached the server without a record`);
      reached += 1;
    }
  }
  assert.ok(reached >= moments.length);
  // The log goes on where the last kill left it, and verifies.
  const last = await start(['up', '--folder', place.folder, '--ports', 'any', ...place.unlock]);
  await last[Symbol.asyncDispose]();
  const verified = await verifyAuditLog(join(place.folder, 'gateway-log'));
  assert.deepEqual(verified.firstBroken, null);
  await rm(place.root, { recursive: true, force: true });
});

/** Without the question of the gateway itself, what the server speaks. */
function callsSeen<Seen extends { readonly body: string }>(seen: readonly Seen[]): readonly Seen[] {
  return seen.filter(({ body }) => !body.includes('"server/discover"'));
}

async function prepare(url: string): Promise<{
  root: string;
  folder: string;
  unlock: string[];
  shown: Awaited<ReturnType<Awaited<ReturnType<typeof openTown>>['issue']>>;
}> {
  const root = await mkdtemp(join(tmpdir(), 'countersign-crash-'));
  const folder = join(root, 'authority');
  const passphraseFile = join(root, 'passphrase');
  await using town = await openTown();
  await town.addHttpServer('modern', url);
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  const shown = await town.issue('ci-bot');
  await writeFile(passphraseFile, town.passphrase, { mode: 0o600 });
  await town.deployment[Symbol.asyncDispose]();
  await cp(town.data.folder, folder, { recursive: true });
  return { root, folder, unlock: ['--passphrase-file', passphraseFile], shown };
}

/** Calls one after the other, each with arguments of its own, until told to stop or the gateway is gone. */
async function hammer(
  url: string,
  fetch: ReturnType<typeof mutualFetch>,
  name: string,
  stop: AbortSignal,
): Promise<void> {
  for (let id = 1; !stop.aborted; id++) {
    const message = `${name}-${id}`;
    const params = {
      name: 'echo',
      arguments: { message },
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    };
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'tools/call',
          'mcp-name': 'echo',
        },
        body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params }),
      });
      await response.text();
    } catch {
      return;
    }
  }
}

async function permittedHashes(folder: string): Promise<ReadonlySet<string>> {
  const hashes = new Set<string>();
  for (const { name } of await listSegments(folder)) {
    const lines = (await readFile(join(folder, name), 'utf8')).split('\n').slice(0, -1);
    for (const line of lines) {
      const { event } = JSON.parse(line) as {
        event: { type: string; messages?: { argumentsHash: string }[] };
      };
      if (event.type !== 'call.permitted') continue;
      for (const { argumentsHash } of event.messages ?? []) hashes.add(argumentsHash);
    }
  }
  return hashes;
}

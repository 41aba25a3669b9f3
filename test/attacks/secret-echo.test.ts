import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTown, type Town, until } from '../journeys/deployment.ts';
import { mutualFetch } from '../journeys/mcp-clients.ts';
import { formsOf } from './canary-scan.ts';
import { openEchoingServer } from './echoing-server.ts';

const secret = 'sk-live/9+Zq"x\\7Kd&Lm2';

async function shoutingChild(town: Town, file: string): Promise<void> {
  const script = `console.error('stderr says ' + process.env.API_KEY); console.log('garbage ' + process.env.API_KEY);
    process.stdin.on('data', () => { console.error(Buffer.from(process.env.API_KEY).toString('base64')); process.exit(3); });`;
  await town.addServer({
    name: 'child',
    transport: 'stdio',
    command: [process.execPath, '-e', script],
    environment: { API_KEY: `file:${file}` },
  });
}

test('S2 prompt recall: a hostile server echoes its credential in every form, whole and streamed, and no octet of it reaches an agent, a log or the record', async () => {
  await using opened = new AsyncDisposableStack();
  const held = { credential: '' };
  const server = opened.use(await openEchoingServer(held));
  const lines: string[] = [];
  const town = opened.use(await openTown({}, { log: (line) => lines.push(line) }));
  const file = join(town.data.folder, 'key');
  await writeFile(file, secret, { mode: 0o600 });
  await town.addServer({
    name: 'echoing',
    transport: 'http',
    era: 'legacy',
    url: server.url,
    headers: { 'x-api-key': `file:${file}` },
  });
  await shoutingChild(town, file);
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  const fetch = opened.use(mutualFetch(await town.issue('ci-bot')));
  const told: string[] = [];
  const ask = async (name: string, method: string, params: object = {}): Promise<string> => {
    const answered = await fetch(town.endpoint(name), {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    const text = `${JSON.stringify([...answered.headers])} ${await answered.text()}`;
    told.push(text);
    return text.slice(text.indexOf('] ') + 2);
  };
  const clientInfo = { name: 'agent', version: '1' };
  await ask('echoing', 'initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo });
  await ask('echoing', 'tools/list');
  const whole = JSON.parse(await ask('echoing', 'tools/call', { name: 'whole', arguments: {} })) as {
    result: { content: { text: string }[] };
  };
  await ask('echoing', 'tools/call', { name: 'failed', arguments: {} });
  const streamed = await ask('echoing', 'tools/call', { name: 'streamed', arguments: {} });
  // A caller that has the secret from elsewhere does not get it into the record either.
  await ask('echoing', 'tools/call', { name: secret, arguments: {} });
  await ask('child', 'initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo });
  await until(() => lines.some((line) => line.includes('stderr says')));

  assert.equal(held.credential, secret);
  assert.ok(whole.result.content.every(({ text }) => text.includes('[secret]')));
  assert.equal(streamed.split('\n\n').length, 4);
  for (const line of streamed.split('\n').filter((each) => each.startsWith('data: ')))
    JSON.parse(line.slice(6));
  const events = await town.events();
  const everything = [...told, ...lines, ...events.map((event) => JSON.stringify(event))].join('\n');
  for (const [name, form] of Object.entries(formsOf(secret))) assert.ok(!everything.includes(form), name);
  assert.ok(lines.some((line) => line.includes('stderr says [secret]')));
  const answered = events.filter(({ type, server }) => type === 'call.answered' && server === 'echoing');
  assert.ok(
    answered.length >= 5 && answered.every(({ redacted }) => (redacted as { known: number }).known > 0),
  );
});

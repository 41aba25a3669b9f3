import assert from 'node:assert/strict';
import { createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Duplex, duplexPair } from 'node:stream';
import { test } from 'node:test';
import { generateRequests } from './generated-requests.ts';
import { generateResponses } from './generated-responses.ts';
import { requestStart } from './message-read.ts';
import { gathered, NodeReading } from './node-reading.ts';
import { requestPayloads } from './request-payloads.ts';
import { randomOfCase } from './seeded-random.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Seen {
  readonly start: string;
  readonly fields: string;
  body: string;
  complete: boolean;
}

function see(message: IncomingMessage, start: string): Seen {
  const seen: Seen = { start, fields: gathered(message.rawHeaders), body: '', complete: false };
  message.on('error', () => undefined);
  message.on('data', (piece: Buffer) => {
    seen.body += piece.toString('latin1');
  });
  message.on('end', () => {
    seen.complete = true;
  });
  return seen;
}

async function write(to: Duplex, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) {
    if (to.writable) to.write(piece);
    await turn();
  }
  for (let turns = 0; turns < 10; turns++) await turn();
}

/** What a real server takes from one connection. */
async function servedRequests(pieces: readonly Buffer[]): Promise<readonly Seen[]> {
  const all: Seen[] = [];
  const server = createServer({ maxHeaderSize: 16 * 1024, requireHostHeader: false });
  const take = (request: IncomingMessage, response: ServerResponse): void => {
    const [path = '', ...query] = (request.url ?? '').split('?');
    all.push(see(request, requestStart(request.method ?? '', path, new URLSearchParams(query.join('?')))));
    request.once('end', () => response.end());
  };
  server
    .on('request', take)
    .on('checkExpectation', take)
    .on('clientError', (_error, socket) => socket.destroy());
  const [near, far] = duplexPair();
  near.on('error', () => undefined).resume();
  // Documented: a Duplex may be injected as a connection.
  server.emit('connection', far);
  await write(near, pieces);
  near.destroy();
  far.destroy();
  return all;
}

test('T6 what a real http.Server serves is what the reading of its parser says, message for message', async () => {
  const cases = [
    ...Array.from({ length: 400 }, (_, index) => generateRequests(randomOfCase(5, index))),
    ...requestPayloads.map(({ octets }) => [Buffer.from(octets, 'latin1')]),
  ];
  let compared = 0;
  for (const pieces of cases) {
    const reading = new NodeReading('requests');
    for (const piece of pieces) reading.feed(piece);
    const served = await servedRequests(pieces);
    // The server leaves a connection alone behind a request for another protocol.
    const said = reading.messages.slice(0, served.length);
    const complete = said.filter((message) => message.complete);
    assert.equal(said.length, served.length, JSON.stringify(pieces.map(String)));
    for (const [place, seen] of served.entries()) {
      const { start, fields, body, complete: whole } = said[place] ?? complete[0] ?? assert.fail();
      assert.deepEqual({ start, fields }, { start: seen.start, fields: seen.fields });
      if (whole && seen.complete) assert.equal(body, seen.body);
      compared += 1;
    }
    const elsewhere = reading.messages.some(
      ({ start, fields }) => /upgrade/i.test(fields) || start.startsWith('CONNECT'),
    );
    const unread = reading.messages.filter((message) => message.complete).length - served.length;
    if (!elsewhere && reading.error === null) assert.ok(unread <= 0, JSON.stringify(pieces.map(String)));
  }
  assert.ok(compared > 400, `${compared} messages were compared`);
});

test('T6 what a real http.request gets as the answer is what the reading of its parser says', async () => {
  let compared = 0;
  for (let index = 0; index < 300; index++) {
    const [first] = generateResponses(randomOfCase(6, index));
    assert.ok(first);
    const [near, far] = duplexPair();
    far.on('error', () => undefined).resume();
    const request = ask({ method: first.method, createConnection: () => near, host: 'localhost' });
    let seen: Seen | null = null;
    request.on('error', () => undefined).on('upgrade', (_response, socket) => socket.destroy());
    request.on('response', (response) => {
      seen = see(response, String(response.statusCode));
    });
    request.end();
    await turn();
    await write(far, first.pieces);
    far.destroy();
    near.destroy();
    await write(far, []);
    const reading = new NodeReading('responses');
    reading.asked.push(first.method);
    for (const piece of first.pieces) reading.feed(piece);
    const answer = seen as Seen | null;
    if (!answer) continue;
    const said = reading.messages[0];
    assert.deepEqual([said?.start, said?.fields], [answer.start, answer.fields]);
    if (said?.complete && answer.complete) assert.equal(said.body, answer.body);
    compared += 1;
  }
  assert.ok(compared > 100, `${compared} answers were compared`);
});

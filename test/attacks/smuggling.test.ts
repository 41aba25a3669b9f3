import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { NodeReading } from '../differential/node-reading.ts';
import { requestPayloads } from '../differential/request-payloads.ts';
import { openTown, type Presentable, type Town, until } from '../journeys/deployment.ts';
import { openRecordedServer, type RecordedServer } from './recorded-server.ts';

/** A connection of an agent whose octets the test writes itself. */
interface Raw extends Disposable {
  readonly socket: TLSSocket;
  /** The complete answers so far, read as a client of node:http reads them. */
  answers(): readonly { readonly start: string; readonly body: string }[];
  /** Why what came is not a row of answers, or null. */
  trouble(): string | null;
  readonly ended: boolean;
  readonly head: string;
}

async function openRaw(town: Town, shown: Presentable): Promise<Raw> {
  const { ca, cert, key } = shown;
  const { host, port } = town.gateway.agents;
  const socket = connect({ host, port, ca, cert, key, servername: 'localhost' });
  const reading = new NodeReading('responses');
  let ended = false;
  let head = '';
  socket.on('error', () => undefined);
  socket.on('data', (piece: Buffer) => {
    head ||= piece.toString('latin1');
    reading.feed(piece);
  });
  socket.once('close', () => {
    ended = true;
  });
  await once(socket, 'secureConnect');
  return {
    socket,
    answers: () => reading.messages.filter(({ complete }) => complete),
    trouble: () => reading.error,
    get ended() {
      return ended;
    },
    get head() {
      return head;
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

const fields = [
  'Host: localhost',
  'Content-Type: application/json',
  'Accept: application/json, text/event-stream',
  'MCP-Protocol-Version: 2025-11-25',
].join('\r\n');

/** A good request, as an honest client writes it. */
function ping(id: string): string {
  const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' });
  return `POST /mcp/files HTTP/1.1\r\n${fields}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

const inner = ping('smuggled');
const call = JSON.stringify({ jsonrpc: '2.0', id: 'outer', method: 'ping' });
const chunkedCall = `${call.length.toString(16)}\r\n${call}\r\n0\r\n\r\n`;

function outer(framing: string, body: string, line = 'POST /mcp/files HTTP/1.1'): string {
  return `${line}\r\n${fields}\r\n${framing}\r\n${body}`;
}

/** Requests that are good but for their framing, with another good one where only a mistaken reader finds it. */
const hidden: Readonly<Record<string, string>> = {
  'CL.TE': outer(
    `Content-Length: ${chunkedCall.length + inner.length}\r\nTransfer-Encoding: chunked\r\n`,
    chunkedCall + inner,
  ),
  'TE.CL': outer(`Transfer-Encoding: chunked\r\nContent-Length: ${call.length}\r\n`, call + inner),
  'CL.0': outer('Content-Length: 0\r\nContent-Length: 200\r\n', inner),
  'TE.TE': outer('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', chunkedCall + inner),
  'TE behind a tab': outer('Transfer-Encoding: chunked\t\r\n', chunkedCall + inner),
  'TE with a space before its colon': outer(
    `Content-Length: ${call.length}\r\nTransfer-Encoding : chunked\r\n`,
    call + inner,
  ),
  'TE in a folded line': outer(
    `Content-Length: ${call.length}\r\nX: y\r\n Transfer-Encoding: chunked\r\n`,
    call + inner,
  ),
  'TE behind a bare LF': outer(
    `Content-Length: ${call.length}\r\nX: y\nTransfer-Encoding: chunked\r\n`,
    call + inner,
  ),
  'TE in HTTP/1.0': outer('Transfer-Encoding: chunked\r\n', chunkedCall + inner, 'POST /mcp/files HTTP/1.0'),
  'a request in an extension': outer('Transfer-Encoding: chunked\r\n', `0;\n${inner}`),
  'a request in a trailer': outer(
    'Transfer-Encoding: chunked\r\n',
    `${chunkedCall.slice(0, -2)}X: y\n\n${inner}\r\n\r\n`,
  ),
  'a request in a body': outer(`Content-Length: ${inner.length}\r\n`, inner),
  'a request in a chunk': outer(
    'Transfer-Encoding: chunked\r\n',
    `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`,
  ),
  'a request in a query': `GET /mcp/files?${encodeURIComponent(inner)} HTTP/1.1\r\n${fields}\r\n\r\n`,
};

for (const engine of ['wire', 'node'] as const) {
  describe(`T6 law 3 smuggling at the agents' listener with the ${engine} engine`, () => {
    let town: Town;
    let server: RecordedServer;
    let shown: Presentable;
    let good = 0;
    before(async () => {
      town = await openTown({}, { engine });
      server = await openRecordedServer();
      await town.addHttpServer('files', server.url);
      await town.addAgent('ci-bot');
      await town.permit('permit (principal, action, resource);');
      shown = await town.issue('ci-bot');
    });
    after(async () => {
      await town[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    });

    /** A good call, then the payload on the same connection; what came back. */
    const attack = async (octets: string, due: number | null): Promise<Raw> => {
      const raw = await openRaw(town, shown);
      raw.socket.write(ping(`good-${++good}`));
      await until(() => raw.answers().length === 1);
      raw.socket.write(Buffer.from(octets, 'latin1'));
      // An engine that reads more than ours may wait for more: then its silence is the answer.
      let looks = 0;
      await until(() => raw.ended || raw.answers().length === due || ++looks > 15);
      return raw;
    };
    const onlyGood = (): void => {
      const ids = server.seen.map(({ body }) => (JSON.parse(body.toString()) as { id: string }).id);
      assert.deepEqual(
        ids,
        Array.from({ length: good }, (_, at) => `good-${at + 1}`),
      );
    };

    test('the setting chooses the engine', async () => {
      using raw = await attack('', 1);
      assert.match(
        raw.head,
        engine === 'wire' ? /\r\nconnection: keep-alive\r\n/ : /\r\nConnection: keep-alive\r\n/,
      );
      onlyGood();
    });

    for (const { name, octets, taken, refused } of requestPayloads) {
      test(`nothing of it reaches the server, and every answer is one: ${name}`, async () => {
        const due = 1 + taken.length + (refused ? 1 : 0);
        using raw = await attack(octets.replaceAll(' /a', ' /mcp/files'), due);
        onlyGood();
        // Behind an answer that ends its connection node:http may write another; no client reads it.
        const troubles = engine === 'wire' ? [null] : [null, 'HPE_CLOSED_CONNECTION'];
        assert.ok(troubles.includes(raw.trouble()), String(raw.trouble()));
        const answers = raw.answers();
        for (const { start } of answers.slice(1)) assert.match(start, /^4\d\d$|^505$/);
        // Ours takes what is written down; what node:http takes besides is answered like any request.
        if (engine === 'wire') assert.equal(answers.length, due);
        if (engine === 'wire' && refused) await until(() => raw.ended);
      });
    }

    for (const [name, octets] of Object.entries(hidden)) {
      test(`a good request where only a mistaken reader finds it does not reach the server: ${name}`, async () => {
        using raw = await attack(octets, null);
        assert.ok(!server.seen.some(({ body, url }) => (body.toString() + url).includes('smuggled')));
        assert.equal(raw.trouble(), null);
        // Where the framing is good to the reference, the outer request alone may have been served.
        server.seen.splice(
          0,
          server.seen.length,
          ...server.seen.filter(({ body }) => !body.includes('"outer"')),
        );
        onlyGood();
      });
    }

    test('good requests in a row, cut anywhere, each reach the server once and in order', async () => {
      using raw = await openRaw(town, shown);
      const row = Buffer.from([1, 2, 3].map((at) => ping(`good-${good + at}`)).join(''));
      good += 3;
      for (let at = 0; at < row.length; at += 7) {
        raw.socket.write(row.subarray(at, at + 7));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await until(() => raw.answers().length === 3);
      onlyGood();
    });

    test('an answer that a server sends unasked is nobody’s', async () => {
      const unasked =
        'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 49\r\n\r\n{"jsonrpc":"2.0","id":"x","result":{"stolen":1}}\n';
      const liar = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.on('data', (piece) => {
          const id = /"id":("[^"]*")/.exec(piece.toString())?.[1];
          if (id === undefined) return;
          const body = `{"jsonrpc":"2.0","id":${id},"result":{}}`;
          const own = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
          socket.write(own + unasked);
        });
      });
      await new Promise<void>((resolve) => liar.listen(0, '127.0.0.1', resolve));
      const { port } = liar.address() as AddressInfo;
      await town.addHttpServer('liar', `http://127.0.0.1:${port}/mcp`);
      using raw = await openRaw(town, shown);
      for (let count = 1; count <= 5; count++) {
        raw.socket.write(ping(`call-${count}`).replace('/mcp/files', '/mcp/liar'));
        await until(() => raw.answers().length === count);
      }
      for (const [at, { body }] of raw.answers().entries()) {
        // Either the own answer or none at all (502): never the other.
        assert.ok(!body.includes('stolen'), body);
        assert.ok(body.includes(`"call-${at + 1}"`), body);
      }
      liar.close();
    });
  });
}

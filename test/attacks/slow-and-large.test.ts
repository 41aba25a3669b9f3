import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { openTown, type Presentable, type Town, until } from '../journeys/deployment.ts';
import { openRecordedServer, type RecordedServer } from './recorded-server.ts';

const fields = [
  'Host: localhost',
  'Content-Type: application/json',
  'Accept: application/json, text/event-stream',
].join('\r\n');

function post(framing: string, revision = '2025-11-25'): string {
  return `POST /mcp/files HTTP/1.1\r\n${fields}\r\nMCP-Protocol-Version: ${revision}\r\n${framing}\r\n\r\n`;
}

/** Calls that one agent may have open. */
const places = 8;

for (const engine of ['wire', 'node'] as const) {
  describe(`T6 T7 slow and large requests with the ${engine} engine`, () => {
    let town: Town;
    let server: RecordedServer;
    let shown: Presentable;
    let slow: Presentable;
    before(async () => {
      town = await openTown(
        { bodyMilliseconds: 300, concurrentPerAgent: places, jsonValues: 10_000 },
        { engine },
      );
      server = await openRecordedServer();
      await town.addHttpServer('files', server.url);
      await town.addAgent('ci-bot');
      await town.permit('permit (principal, action, resource);');
      shown = await town.issue('ci-bot');
      await town.addAgent('slow-bot');
      slow = await town.issue('slow-bot');
    });
    after(async () => {
      await town[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    });

    const open = async ({ ca, cert, key }: Presentable): Promise<TLSSocket> => {
      const { host, port } = town.gateway.agents;
      const socket = connect({ host, port, ca, cert, key, servername: 'localhost' });
      socket.on('error', () => undefined);
      await once(socket, 'secureConnect');
      return socket;
    };
    /** All that comes until the gateway ends the connection. */
    const heard = async (socket: TLSSocket): Promise<string> => {
      let text = '';
      socket.on('data', (piece: Buffer) => (text += piece.toString()));
      await new Promise((resolve) => socket.once('close', resolve));
      return text;
    };
    const ping = async (who: Presentable): Promise<void> => {
      const socket = await open(who);
      const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
      socket.write(post(`Connection: close\r\nContent-Length: ${body.length}`) + body);
      assert.match(await heard(socket), /^HTTP\/1\.1 200 /);
    };

    test('T7 bodies that trickle are cut off in time, hold the places of their own agent alone, and give them back', async () => {
      const before = server.seen.length;
      const sockets = await Promise.all(Array.from({ length: places }, () => open(slow)));
      const trickles = sockets.map((socket, at) => {
        socket.write(post(at % 2 === 0 ? 'Content-Length: 1000000' : 'Transfer-Encoding: chunked'));
        const timer = setInterval(() => {
          if (socket.writable) socket.write(at % 2 === 0 ? ' ' : '1\r\n \r\n');
        }, 20);
        socket.once('close', () => clearInterval(timer));
        return heard(socket);
      });
      await ping(shown);
      for (const text of await Promise.all(trickles)) assert.match(text, /^HTTP\/1\.1 408 [^]*timed_out/);
      await ping(slow);
      assert.equal(server.seen.length, before + 2);
      await until(() => [...town.gateway.agents.connections()].length === 0);
    });

    test('heads that never end hold nothing but their connections, and calls go on meanwhile', async () => {
      const sockets = await Promise.all(Array.from({ length: 20 }, () => open(slow)));
      for (const socket of sockets) socket.write(`POST /mcp/files HTTP/1.1\r\nHost: localhost\r\nX: `);
      await ping(shown);
      await until(() => town.gateway.liveCalls() === 0);
      for (const socket of sockets) socket.destroy();
      await until(() => [...town.gateway.agents.connections()].length === 0);
    });

    for (const [what, item] of Object.entries({
      'whole messages': '{"jsonrpc":"2.0","method":"notifications/initialized"}',
      numbers: '1',
      'empty arrays': '[]',
    })) {
      test(`a batch of 100,000 ${what} is refused and reaches nobody`, async () => {
        const before = server.seen.length;
        const body = `[${Array.from({ length: 100_000 }, () => item).join()}]`;
        const socket = await open(shown);
        const answer = heard(socket);
        socket.write(post(`Connection: close\r\nContent-Length: ${body.length}`, '2025-03-26') + body);
        assert.match(await answer, /^HTTP\/1\.1 4(00|13) [^]*"(json_too_many_values|too_large)"/);
        await ping(shown);
        assert.equal(server.seen.length, before + 1);
      });
    }
  });
}

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Client, createClient } from '../../http/fetch.ts';
import { steppedClock } from '../../kernel/clock.ts';
import { type ClientCredentials, clientCredentials } from './client-credentials.ts';

/** What a register heard: `GET /path?query` with the token, or the form of a token request. */
export interface Heard {
  readonly line: string;
  readonly authorization: string | undefined;
  readonly form: string;
}

export interface FakeRegister extends AsyncDisposable {
  readonly url: string;
  readonly heard: readonly Heard[];
  readonly client: Client;
  readonly credentials: ClientCredentials;
  readonly clock: ReturnType<typeof steppedClock>;
}

/** A register of devices behind client credentials, whose answers are given; a token is `token-1`, then `token-2`. */
export async function fakeRegister(
  answer: (url: URL, token: string | undefined) => readonly [status: number, body: unknown],
): Promise<FakeRegister> {
  const heard: Heard[] = [];
  let tokens = 0;
  const server = createServer((request, response) => {
    const form: Buffer[] = [];
    request.on('data', (piece: Buffer) => form.push(piece));
    request.on('end', () => {
      const url = new URL(request.url ?? '', 'http://register');
      const { authorization } = request.headers;
      heard.push({
        line: `${request.method} ${url.pathname}${url.search}`,
        authorization,
        form: Buffer.concat(form).toString(),
      });
      const [status, body] =
        url.pathname === '/token'
          ? [200, { access_token: `token-${++tokens}`, token_type: 'Bearer', expires_in: 3_600 }]
          : answer(url, authorization?.replace('Bearer ', ''));
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createClient({ addressGuard: 'any', limits: { totalMilliseconds: 2_000 } });
  const clock = steppedClock(Date.UTC(2026, 10, 26));
  const account = {
    tokenUrl: `${url}/token`,
    clientId: 'countersign',
    clientSecret: async () => 'canary-secret',
    scope: `${url}/.default`,
  };
  return {
    url,
    heard,
    client,
    credentials: clientCredentials(account, client, clock),
    clock,
    [Symbol.asyncDispose]: async () => {
      await client.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

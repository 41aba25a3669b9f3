import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { steppedClock } from '../kernel/clock.ts';
import { createWebhook, type Webhook } from './webhook.ts';

const key = Buffer.alloc(32, 7);
const secret = `whsec_${key.toString('base64')}`;
const now = Date.UTC(2026, 10, 26);
const seconds = String(now / 1000);

interface Heard {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
interface Reply {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

const sign = (id: string, timestamp: string, body: string, by: Buffer = key): string =>
  `v1,${createHmac('sha256', by).update(`${id}.${timestamp}.${body}`).digest('base64')}`;

/** A receiver that says `reply` to each message, and what it heard. */
async function receiver(reply: (heard: Heard) => Reply | null) {
  const heard: Heard[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const message = { headers: request.headers, body: (await request.toArray()).join('') };
    heard.push(message);
    const said = reply(message);
    if (said) response.writeHead(said.status ?? 200, said.headers).end(said.body);
  };
  const server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const webhook = createWebhook({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/told`,
    secret: async () => secret,
    privateAddresses: true,
    milliseconds: 300,
    clock: steppedClock(now),
  });
  return {
    heard,
    webhook,
    [Symbol.asyncDispose]: async () => {
      await webhook[Symbol.asyncDispose]();
      server.closeAllConnections();
      server.close();
    },
  };
}

const id = ({ headers }: Heard): string => String(headers['webhook-id']);

/** What a well-behaved receiver answers. */
const allowed =
  (timestamp = seconds, body = '{"allowed":true}') =>
  (heard: Heard): Reply => ({
    headers: {
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,other ${sign(`${id(heard)}.answer`, timestamp, body)}`,
    },
    body,
  });

const refuses = (webhook: Webhook, code: string): Promise<void> =>
  assert.rejects(webhook.ask({ serial: '01' }), { code });

test('I5 I10 a message is signed as Standard Webhooks say, and told again it keeps its id', async () => {
  await using end = await receiver(() => ({ status: 204 }));
  await end.webhook.tell({ alert: 'one' }, 'm-1');
  await end.webhook.tell({ alert: 'one' }, 'm-1');
  await end.webhook.tell({ alert: 'two' });
  assert.deepEqual(
    end.heard.map(({ body }) => body),
    ['{"alert":"one"}', '{"alert":"one"}', '{"alert":"two"}'],
  );
  for (const { headers, body } of end.heard) {
    assert.equal(headers['webhook-timestamp'], seconds);
    assert.equal(headers['webhook-signature'], sign(id({ headers, body }), seconds, body));
  }
  const ids = end.heard.map(({ headers }) => headers['webhook-id']);
  assert.deepEqual(ids.slice(0, 2), ['m-1', 'm-1']);
  assert.equal(new Set(ids).size, 2);
});

test('I5 a question is answered by whoever knows the secret, for this question, now', async () => {
  await using end = await receiver(allowed());
  assert.deepEqual(await end.webhook.ask({ serial: '01' }), { allowed: true });
});

const wrong: Readonly<Record<string, (heard: Heard) => Reply | null>> = {
  'is not signed': () => ({ body: '{"allowed":true}' }),
  'is the question itself': (heard) => ({
    headers: {
      'webhook-timestamp': seconds,
      'webhook-signature': String(heard.headers['webhook-signature']),
    },
    body: heard.body,
  }),
  'is signed with another secret': (heard) => ({
    headers: {
      'webhook-timestamp': seconds,
      'webhook-signature': sign(`${id(heard)}.answer`, seconds, '{"allowed":true}', Buffer.alloc(32)),
    },
    body: '{"allowed":true}',
  }),
  'belongs to another question': () => ({
    headers: { 'webhook-timestamp': seconds, 'webhook-signature': sign('other.answer', seconds, '{}') },
    body: '{}',
  }),
  'was changed': (heard) => ({ ...allowed()(heard), body: '{"allowed": true}' }),
  'is too old': allowed(String(now / 1000 - 301)),
  'is of the future': allowed(String(now / 1000 + 301)),
  'has no time': allowed(''),
  'is no object': allowed(seconds, 'true'),
  'is an error': (heard) => ({ ...allowed()(heard), status: 500 }),
  'leads elsewhere': (heard) => ({ ...allowed()(heard), status: 302 }),
};
for (const [how, reply] of Object.entries(wrong)) {
  test(`I5 an answer that ${how} is none`, async () => {
    await using end = await receiver(reply);
    await refuses(end.webhook, 'unavailable');
    assert.equal(end.heard.length, 1);
  });
}

test('I5 bad input: an answer that is too long, is not JSON, names a member twice or never comes is none', async () => {
  await using long = await receiver(allowed(seconds, `{"a":"${'x'.repeat(70_000)}"}`));
  await refuses(long.webhook, 'too_large');
  await using text = await receiver(allowed(seconds, 'yes'));
  await refuses(text.webhook, 'unavailable');
  await using twice = await receiver(allowed(seconds, '{"allowed":false,"allowed":true}'));
  await refuses(twice.webhook, 'unavailable');
  await using silent = await receiver(() => null);
  await refuses(silent.webhook, 'timed_out');
});

test('law 2 law 8 without a good secret, an encrypted way or a permitted address nothing is sent', async () => {
  const options = {
    url: 'http://127.0.0.1:9/',
    secret: async () => secret,
    privateAddresses: false,
    milliseconds: 300,
    clock: steppedClock(now),
  };
  for (const url of ['http://example.com/', 'ftp://127.0.0.1/', 'nothing']) {
    assert.throws(() => createWebhook({ ...options, url }), { code: 'invalid_input' });
  }
  await using guarded = createWebhook(options);
  await refuses(guarded, 'address_refused');
  for (const weak of ['', 'whsec_', 'secret', `whsec_${Buffer.alloc(23).toString('base64')}`]) {
    await using end = createWebhook({ ...options, privateAddresses: true, secret: async () => weak });
    await refuses(end, 'secret_unresolved');
  }
});

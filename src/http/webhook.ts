import { createHmac } from 'node:crypto';
import { equalBytes, fromBase64, toBase64, utf8 } from '../kernel/bytes.ts';
import { isJsonObject, type JsonObject } from '../kernel/canonical-json.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { randomId } from '../kernel/random.ts';
import { createClient, type WholeResponse } from './fetch.ts';

/**
 * A receiver that is told or asked something by HTTP, each message signed as Standard Webhooks say: `webhook-id`,
 * `webhook-timestamp` (seconds) and `webhook-signature` = `v1,` and the base64 HMAC-SHA-256 of `id.timestamp.body`.
 */
export interface Webhook extends AsyncDisposable {
  /**
   * Tells the receiver once; resolves when it answered 2xx. With the same `id` it is the same message, told again.
   * Throws Fault `unavailable`, `timed_out`, `address_refused`, `gateway_untrusted` or `secret_unresolved`.
   */
  tell(body: JsonObject, id?: string): Promise<void>;
  /**
   * Asks the receiver and returns what it answers. Its answer carries `webhook-timestamp` and `webhook-signature` of its own,
   * made with the same secret over `id.answer.timestamp.body`: an answer to another question, an old one, one of somebody else
   * or the question itself is none.
   * Throws the faults of `tell`, and `too_large`.
   */
  ask(body: JsonObject): Promise<JsonObject>;
  /** Sends one signed text, and gives the answer whatever its status is. Throws the faults of `tell`, and the reason of an abort. */
  post(message: WebhookMessage): Promise<WholeResponse>;
}

/** One text for a receiver. With the same `id` it is the same message, sent again. */
export interface WebhookMessage {
  readonly id: string;
  /** JSON. */
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface WebhookOptions {
  /** https; http to loopback only. */
  readonly url: string;
  /** The shared secret, `whsec_` and the base64 of 24 to 64 octets; asked for each message. */
  readonly secret: () => Promise<string>;
  /** PEM of the only authorities that vouch for the receiver; those of the system unless given. */
  readonly authorities?: string;
  /** What we show to the receiver, in PEM; nothing unless given. */
  readonly identity?: { readonly certificate: string; readonly key: string };
  /** Whether the receiver may have an address that is not public. */
  readonly privateAddresses: boolean;
  /** How long the receiver may take in all. */
  readonly milliseconds: number;
  readonly clock: Clock;
}

const largestAnswer = 64 * 1024;
/** How far the clock of a receiver may be from ours, in seconds. */
const tolerance = 300;

/** Throws Fault `invalid_input` for a URL that no message is sent to. */
export function createWebhook(options: WebhookOptions): Webhook {
  const { url, secret, clock, milliseconds } = options;
  checkWebhookUrl(url);
  const client = createClient({
    tls: {
      ...(options.authorities !== undefined && { authorities: options.authorities }),
      ...options.identity,
    },
    addressGuard: options.privateAddresses ? 'any' : 'public-only',
    limits: {
      connectMilliseconds: milliseconds,
      headMilliseconds: milliseconds,
      totalMilliseconds: milliseconds,
      bodyBytes: largestAnswer,
    },
  });
  const post = async (message: WebhookMessage, key: Uint8Array): Promise<WholeResponse> => {
    const { id, body, headers, signal } = message;
    const timestamp = String(Math.floor(clock.now() / 1000));
    return await client.request({
      method: 'POST',
      url,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...headers,
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': signature(key, { id, timestamp, body: utf8(body) }),
      },
      body,
      ...(signal && { signal }),
    });
  };
  const send = async (body: JsonObject, id: string, key: Uint8Array): Promise<WholeResponse> => {
    const answer = await post({ id, body: JSON.stringify(body) }, key);
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw new Fault('unavailable', `${new URL(url).origin} answered with status ${answer.status}.`);
  };
  return {
    async tell(body, id = randomId()) {
      await send(body, id, readSecret(await secret()));
    },
    async ask(body) {
      const id = randomId();
      const key = readSecret(await secret());
      const answer = await send(body, id, key);
      checkAnswer(answer, { id, key, now: clock.now(), origin: new URL(url).origin });
      return readAnswer(answer, new URL(url).origin);
    },
    post: async (message) => await post(message, readSecret(await secret())),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

function readAnswer(answer: WholeResponse, origin: string): JsonObject {
  let cause: unknown;
  try {
    const read = answer.json();
    if (isJsonObject(read)) return read;
  } catch (error) {
    cause = error;
  }
  throw new Fault('unavailable', `${origin} did not answer with a JSON object.`, { cause });
}

/** Throws Fault `invalid_input` for anything but https, or http to this machine. */
function checkWebhookUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : null;
  const loopback = ['127.0.0.1', '[::1]', 'localhost'].includes(url?.hostname ?? '');
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && loopback)) return;
  throw new Fault('invalid_input', 'A webhook needs a URL of https, or of http on this machine.');
}

function readSecret(text: string): Uint8Array {
  const octets = text.startsWith('whsec_') ? fromBase64(text.slice('whsec_'.length)) : null;
  if (octets && octets.length >= 24 && octets.length <= 64) return octets;
  throw new Fault(
    'secret_unresolved',
    'The secret of a webhook is whsec_ and the base64 of 24 to 64 random octets: echo "whsec_$(openssl rand -base64 32)"',
  );
}

/** What is signed: `id.timestamp.body`. */
function signature(
  key: Uint8Array,
  { id, timestamp, body }: { readonly id: string; readonly timestamp: string; readonly body: Uint8Array },
): string {
  const mac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
  return `v1,${toBase64(mac)}`;
}

function checkAnswer(
  { headers, body }: WholeResponse,
  asked: { readonly id: string; readonly key: Uint8Array; readonly now: number; readonly origin: string },
): void {
  const timestamp = headers['webhook-timestamp'] ?? '';
  const fresh =
    /^[0-9]{1,12}$/.test(timestamp) && Math.abs(asked.now / 1000 - Number(timestamp)) <= tolerance;
  const expected = utf8(signature(asked.key, { id: `${asked.id}.answer`, timestamp, body }));
  // More than one while the receiver changes its secret.
  const stated = (headers['webhook-signature'] ?? '').split(' ', 8);
  if (fresh && stated.some((one) => equalBytes(utf8(one), expected))) return;
  throw new Fault('unavailable', `${asked.origin} answered without a valid signature over this question.`);
}

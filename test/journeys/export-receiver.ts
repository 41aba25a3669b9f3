import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One entry as a receiver of webhooks got it. */
export interface ReceivedEntry {
  readonly id: string;
  readonly hash: string;
  readonly entry: {
    readonly index: number;
    readonly event: { readonly type: string; readonly [name: string]: unknown };
  };
}

/** A receiver of exported entries, on loopback. */
export interface ExportReceiver extends AsyncDisposable {
  readonly url: string;
  /** What it has answered 2xx to, in order, repetitions and all. */
  readonly entries: ReceivedEntry[];
  /** Every body that came, taken or not. */
  readonly bodies: string[];
  /** The names of batches in the order in which they were taken. */
  readonly batches: string[];
  /** Answers instead of it, when it gives a status; `never` leaves the sender waiting. */
  answer: (body: string) => number | 'never' | null;
}

export const receiverSecret = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;

/** Opens a receiver that refuses what is not signed with the secret. */
export async function openExportReceiver(): Promise<ExportReceiver> {
  const [entries, bodies, batches]: [ReceivedEntry[], string[], string[]] = [[], [], []];
  const take = (request: IncomingMessage, body: string, response: ServerResponse): void => {
    bodies.push(body);
    const id = String(request.headers['webhook-id']);
    const signed = `${id}.${String(request.headers['webhook-timestamp'])}.${body}`;
    const mac = createHmac('sha256', Buffer.alloc(32, 9)).update(signed).digest('base64');
    const whole =
      request.headers['webhook-signature'] === `v1,${mac}` && request.headers['idempotency-key'] === id;
    const status = whole ? (receiver.answer(body) ?? 204) : 401;
    if (status === 204) {
      batches.push(id);
      entries.push(...(JSON.parse(body) as { entries: ReceivedEntry[] }).entries);
    }
    if (status !== 'never') response.writeHead(status).end();
  };
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.once('end', () => take(request, Buffer.concat(parts).toString(), response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const receiver: ExportReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/entries`,
    entries,
    bodies,
    batches,
    answer: () => null,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}

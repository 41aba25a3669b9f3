import { request } from 'node:https';
import type { Presentable } from './deployment.ts';

/** What an endpoint answered. */
export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
}

/** A form or a text sent to an endpoint, or a GET of it, over a connection of its own. */
export async function call(
  url: string,
  form: Readonly<Record<string, string>> | string | null,
  options: { readonly as?: Presentable; readonly ca: string; readonly headers?: Record<string, string> },
): Promise<Answered> {
  const { as, ca, headers } = options;
  const body = typeof form === 'object' ? form && new URLSearchParams(form).toString() : form;
  const text = await new Promise<Answered>((resolve, reject) => {
    const sent = request(
      url,
      {
        method: body === null ? 'GET' : 'POST',
        agent: false,
        servername: 'localhost',
        ca,
        ...(as && { cert: as.cert, key: as.key }),
        headers: {
          ...(body !== null && { 'content-type': 'application/x-www-form-urlencoded' }),
          ...headers,
        },
      },
      (answer) => {
        const pieces: Buffer[] = [];
        answer.on('data', (piece: Buffer) => pieces.push(piece));
        answer.on('end', () => {
          const whole = Buffer.concat(pieces).toString();
          const json = whole.startsWith('{') ? (JSON.parse(whole) as Record<string, unknown>) : {};
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: whole, json });
        });
      },
    );
    sent.on('error', reject);
    sent.end(body ?? undefined);
  });
  return text;
}

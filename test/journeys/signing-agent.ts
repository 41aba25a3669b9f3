import { createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { type CallStatement, nonceOf, signCall } from '../../src/http/signatures/call-signature.ts';
import { sha256Base64url, utf8 } from '../../src/kernel/bytes.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { randomBytes } from '../../src/kernel/random.ts';
import type { Presentable } from './deployment.ts';
import { mutualFetch } from './mcp-clients.ts';

/** One signed request as it would travel. */
export interface SignedRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An agent without our bridge that signs its own calls of 2025-03-26, which needs no session at a simple server. */
export function signingAgent(shown: Pick<Presentable, 'ca' | 'cert' | 'key'>) {
  const fetch = mutualFetch(shown);
  const thumbprint = sha256Base64url(new X509Certificate(shown.cert).raw);
  const key = { key: createPrivateKey(shown.key), dsaEncoding: 'ieee-p1363' } as const;
  return {
    thumbprint,
    sign(
      request: Omit<SignedRequest, 'headers'> & { readonly headers?: Record<string, string> },
      changes: Partial<CallStatement> = {},
    ): SignedRequest {
      const created = Math.floor(systemClock.now() / 1_000);
      const headers = {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...request.headers,
      };
      const statement = {
        created,
        expires: created + 60,
        nonce: nonceOf(randomBytes(16)),
        thumbprint,
        ...changes,
      };
      const call = { method: request.method, targetUri: request.url, headers, body: utf8(request.body) };
      const added = signCall(call, statement, (base) => sign('sha256', Buffer.from(base), key));
      return { ...request, headers: { ...headers, ...added } };
    },
    async send({ url, method, headers, body }: SignedRequest) {
      const response = await fetch(url, { method, headers, body });
      const text = await response.text();
      const code = /"code":"(\w+)"/.exec(text)?.[1] ?? null;
      return { status: response.status, headers: response.headers, text, code };
    },
    [Symbol.asyncDispose]: () => fetch[Symbol.asyncDispose](),
  };
}

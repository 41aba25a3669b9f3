import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  type CallRequest,
  type CallStatement,
  nonceOf,
  signCall,
} from '../../http/signatures/call-signature.ts';
import { utf8 } from '../../kernel/bytes.ts';
import { steppedClock } from '../../kernel/clock.ts';
import { randomBytes } from '../../kernel/random.ts';
import { checkCall, type SignedCall } from './check-call.ts';
import { memoryNonces } from './memory-nonces.ts';

/** The time that the specifications begin at, in seconds. */
export const startSeconds = 1_795_600_000;
export const targetUri = 'https://gateway.example.internal:8443/mcp/billing';
export const body = utf8(
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"sum":5}}}',
);

/** One signed request as it travels; specifications change parts of it on the way. */
export interface Travelling {
  method: string;
  targetUri: string;
  headers: Record<string, string>;
  body: Uint8Array;
}

/** An agent's key and a gateway that knows it by its connection. */
export function setScene(curve = 'P-256') {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: curve });
  const key = { thumbprint: 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2', publicKey };
  const clock = steppedClock(startSeconds * 1_000);
  const nonces = memoryNonces(clock);
  return {
    key,
    clock,
    nonces,
    privateKey,
    /** What the agent sends. */
    signed(
      changes: Partial<CallStatement> = {},
      headers: Record<string, string> = {},
      by: KeyObject = privateKey,
    ) {
      const unsigned = {
        method: 'POST',
        targetUri,
        headers: { 'content-type': 'application/json', 'mcp-protocol-version': '2025-11-25', ...headers },
        body,
      };
      const statement = {
        created: startSeconds,
        expires: startSeconds + 60,
        nonce: nonceOf(randomBytes(16)),
        thumbprint: key.thumbprint,
        ...changes,
      };
      const added = signCall(unsigned, statement, (base) =>
        sign('sha256', Buffer.from(base), { key: by, dsaEncoding: 'ieee-p1363' }),
      );
      return { ...unsigned, headers: { ...unsigned.headers, ...added } } as Travelling;
    },
    /** What the gateway makes of it. */
    async check(travelling: Travelling): Promise<SignedCall> {
      const pending = checkCall(requestOf(travelling), key, { clock, nonces });
      if (travelling.method === 'POST') pending.body(travelling.body);
      return await pending.settle();
    },
  };
}

export function requestOf({ method, targetUri: uri, headers }: Travelling): CallRequest {
  return { method, targetUri: uri, header: (name) => headers[name] ?? null };
}

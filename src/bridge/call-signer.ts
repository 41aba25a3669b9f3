import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { asksForSignature, callSignature, nonceOf, signCall } from '../http/signatures/call-signature.ts';
import type { Clock } from '../kernel/clock.ts';
import { randomBytes } from '../kernel/random.ts';
import { rememberedFor } from '../kernel/remembered-for.ts';
import type { Credentials } from './credentials.ts';

/** Signs calls for a gateway once it has asked for that (RFC 9421 §5). */
export interface CallSigner {
  /** Whether requests get a signature as of now. */
  readonly signing: boolean;
  /** Whether an answer asks for a signature; from then on every request gets one. */
  learn(answer: { readonly status: number; readonly headers: Readonly<Record<string, string>> }): boolean;
  /** The fields to add to a request over a connection with these credentials; none before a signature was asked for. */
  headersFor(request: SignableRequest, credentials: Credentials | null): Readonly<Record<string, string>>;
}

interface SignableRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** `gateway`: the https URL that every request goes to. */
export function createCallSigner(gateway: string, clock: Clock): CallSigner {
  const { host, pathname } = new URL(gateway);
  const targetUri = `https://${host}${pathname}`;
  let signing = false;
  return {
    get signing() {
      return signing;
    },
    learn({ status, headers }) {
      if (status !== 403 || !asksForSignature(headers['accept-signature'] ?? '')) return false;
      signing = true;
      return true;
    },
    headersFor({ method, headers, body }, credentials) {
      // The keys of a gateway below the roots of the system are for a server of others, which we sign nothing for.
      if (!signing || !credentials || credentials.roots === null) return {};
      const created = Math.floor(clock.now() / 1_000);
      const statement = {
        created,
        expires: created + callSignature.longestLife,
        nonce: nonceOf(randomBytes(16)),
        thumbprint: credentials.leaf.thumbprint,
      };
      const key = { key: keyOf(credentials), dsaEncoding: 'ieee-p1363' } as const;
      return signCall({ method, targetUri, headers, body: body ?? null }, statement, (base) =>
        sign('sha256', Buffer.from(base), key),
      );
    },
  };
}

const keyOf = rememberedFor(({ key }: Credentials): KeyObject => createPrivateKey(key));

import { X509Certificate } from 'node:crypto';
import type { CallLog } from '../audit/log.ts';
import type { Connection, Exchange } from '../http/exchange.ts';
import type { Caller } from '../identity/caller.ts';
import { toBase64 } from '../kernel/bytes.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import {
  checkCall,
  type ConnectionKey,
  type PendingCall,
  SignedCall,
} from '../oauth/signed-call/check-call.ts';
import type { UsedNonces } from '../oauth/signed-call/used-nonces.ts';

/** Holds calls to the servers that ask for it to a signature of the key of their connection. */
export interface SignedCalls {
  /**
   * Looks at the head of a call, before its body is read; null when nobody asks for a signature. `server`: '' for all of
   * them together. Throws Fault `call_unsigned` or `call_signature_refused`.
   */
  begin(exchange: Exchange, server: string, caller: Caller): PendingCall | null;
  /** For what is asked of single servers within a call to all of them: that one was signed, or null. */
  within(outer: SignedCall | null): SignedCalls;
}

export interface SignedCallPorts {
  readonly clock: Clock;
  readonly nonces: UsedNonces;
  readonly audit: Pick<CallLog, 'append'>;
  /** Whether calls to a server have to be signed; asked on every request. `''`: whether those to all together have to. */
  readonly required: (server: string) => boolean;
  /** DER of the authorities between agents and their root, as far as they are known here. */
  readonly authorities: () => readonly Uint8Array[];
}

export function createSignedCalls(ports: SignedCallPorts): SignedCalls {
  const recordSigner = createSignerRecord(ports);
  const held = (outer: SignedCall | null | undefined): SignedCalls => ({
    begin(exchange, server, caller) {
      if (!ports.required(server)) return null;
      if (outer) return settledAlready(outer);
      const { headers } = exchange;
      const key = keyOf(exchange.connection, caller);
      const pending = checked(
        {
          method: exchange.method,
          targetUri: targetUriOf(exchange),
          // Within a call to all servers the head is ours, and says nothing of a signature.
          header: (name) => (outer === null ? null : headers.get(name)),
        },
        key,
        ports,
      );
      return {
        body: (octets) => pending.body(octets),
        async settle() {
          const signed = await pending.settle();
          await recordSigner(exchange.connection, caller);
          return signed;
        },
      };
    },
    within: held,
  });
  return held(undefined);
}

/**
 * A call without a signature is refused behind its body: whoever sends a long one would not hear the answer before it, which
 * says how to sign.
 */
function checked(...given: Parameters<typeof checkCall>): PendingCall {
  try {
    return checkCall(...given);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'call_unsigned') throw error;
    return {
      body() {
        throw error;
      },
      settle: () => Promise.reject(error),
    };
  }
}

function settledAlready(outer: SignedCall): PendingCall {
  if (!SignedCall.proves(outer))
    throw new TypeError('The signature of the call to all servers was not checked.');
  return { body: () => undefined, settle: () => Promise.resolve(outer) };
}

/** RFC 9421 §2.2.2. MCP endpoints have no query, and one that nobody reads is not signed. */
function targetUriOf(exchange: Exchange): string {
  if (exchange.query.size > 0)
    throw new Fault('call_signature_refused', 'A signed call has no query in its URL.');
  return `https://${(exchange.headers.get('host') ?? '').toLowerCase()}${exchange.path}`;
}

const keyFact = Symbol('key of signed calls');

/** Read once for a connection. */
function keyOf(connection: Connection, caller: Caller): ConnectionKey {
  const known = connection.facts.get(keyFact);
  if (known !== undefined) return known as ConnectionKey;
  const { publicKey } = new X509Certificate(certificateOf(connection));
  const key: ConnectionKey = { thumbprint: caller.thumbprint, publicKey };
  connection.facts.set(keyFact, key);
  return key;
}

function certificateOf({ certificate }: Connection): Uint8Array {
  if (certificate) return certificate;
  throw new Fault('certificate_required', 'Signed calls need a client certificate and none was presented.');
}

/** Certificates that are remembered as recorded; one that is forgotten is recorded again. */
const mostRecorded = 10_000;

/**
 * Records the certificate of a signer once, durably, before the first call that it signs: the signature in the log is
 * evidence with the certificate beside it.
 */
function createSignerRecord({ audit, authorities }: SignedCallPorts) {
  const recorded = new Map<string, Promise<unknown>>();
  return async (connection: Connection, caller: Caller): Promise<void> => {
    const { thumbprint, spiffeId } = caller;
    const known = recorded.get(thumbprint);
    if (known) return void (await known);
    if (recorded.size >= mostRecorded) recorded.clear();
    const leaf = certificateOf(connection);
    const issuers = issuersOf(leaf, authorities()).map(toBase64);
    const writing = audit.append({
      type: 'call.signer',
      certificate: toBase64(leaf),
      issuers,
      spiffeId,
      thumbprint,
    });
    recorded.set(thumbprint, writing);
    // What was not written is not recorded: the next call tries again.
    writing.catch(() => recorded.delete(thumbprint));
    await writing;
  };
}

/** The chain above a certificate, as far as it is known; roots included. */
function issuersOf(leaf: Uint8Array, authorities: readonly Uint8Array[]): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  const candidates = authorities.map((der) => ({ der, certificate: new X509Certificate(der) }));
  let below = new X509Certificate(leaf);
  for (let depth = 0; depth < longestChain; depth++) {
    const above = candidates.find(
      ({ certificate }) => below.checkIssued(certificate) && below.verify(certificate.publicKey),
    );
    if (!above || above.certificate.fingerprint256 === below.fingerprint256) break;
    chain.push(above.der);
    below = above.certificate;
  }
  return chain;
}

const longestChain = 8;

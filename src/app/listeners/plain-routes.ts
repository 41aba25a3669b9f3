import type { CrlPublisher, PublishedCrl } from '../../ca/crl.ts';
import type { OcspReply, OcspResponder } from '../../ca/ocsp.ts';
import { shardCount } from '../../ca/publication-urls.ts';
import type { Exchange } from '../../http/exchange.ts';
import { answerProblem } from '../../http/problem.ts';
import { fromBase64, sha256Base64url } from '../../kernel/bytes.ts';
import { rememberedFor } from '../../kernel/remembered-for.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { greatestOcspRequest } from '../../x509/ocsp-request.ts';
import type { Crl } from '../../x509/crl.ts';
import type { AuthorityDescription } from '../authority/authority.ts';
import type { ScepDoor } from '../../enrol/scep/scep-door.ts';
import { answerRoots } from './people-routes.ts';

/** What anybody may fetch about the ends of certificates. All of it is signed. */
export interface PublishedEnds {
  readonly ocsp: Pick<OcspResponder, 'answer'>;
  /** The certificate of an issuer or a root in DER, by its key identifier in hex; null for another's. */
  issuer(keyId: string): Uint8Array | null;
  /** The lists of an issuer, by its key identifier; null for another's. */
  crlsOf(keyId: string): Pick<CrlPublisher, 'current'> | null;
  /** The list of a root, by its key identifier; null for another's. */
  rootCrl(keyId: string): Crl | null;
}

/** What the `plain` listener answers from. */
export interface PlainAnswers {
  readonly authority: AuthorityDescription;
  readonly ends: PublishedEnds;
  /** Null when it is closed. */
  readonly scep: ScepDoor | null;
  /** Epoch milliseconds. */
  readonly now: number;
}

interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: RegExp;
  answer(exchange: Exchange, answers: PlainAnswers, match: RegExpExecArray): Promise<void>;
}

const routes: readonly Route[] = [
  {
    method: 'GET',
    path: /^\/ca\.pem$/,
    answer: (exchange, { authority }) => answerRoots(exchange, authority),
  },
  {
    method: 'GET',
    path: /^\/ca\/((?:[0-9a-f]{2}){1,64})\.cer$/,
    async answer(exchange, { ends }, [, keyId = '']) {
      const der = ends.issuer(keyId);
      if (!der) throw new Fault('not_found', 'No issuer of this authority has that key identifier.');
      // RFC 2585 §4.1.
      await answerCached(exchange, {
        der,
        type: 'application/pkix-cert',
        tag: sha256Base64url(der),
        seconds: 3_600,
      });
    },
  },
  {
    method: 'GET',
    path: /^\/crl\/((?:[0-9a-f]{2}){1,64})\.crl$/,
    async answer(exchange, { ends, now }, [, keyId = '']) {
      const crls = ends.crlsOf(keyId);
      if (crls) return await answerCrl(exchange, crls.current().full, now);
      const crl = ends.rootCrl(keyId);
      if (crl === null) throw noList();
      if (now > crl.nextUpdate) throw new Fault('unavailable', 'The CRL of the root has ended.');
      await answerCrl(exchange, { ...crl, tag: sha256Base64url(crl.der) }, now);
    },
  },
  {
    method: 'GET',
    path: /^\/crl\/((?:[0-9a-f]{2}){1,64})\/(\d{1,3})\/(\d{1,3})\.crl$/,
    async answer(exchange, { ends, now }, [, keyId = '', of, index]) {
      const crls = Number(of) === shardCount ? ends.crlsOf(keyId) : null;
      const list = crls?.current().shards[Number(index)];
      if (!list) throw noList();
      await answerCrl(exchange, list, now);
    },
  },
  {
    // RFC 6960 Appendix A.1: the request in base64, escaped for a URL; some clients leave its slashes as they are.
    method: 'GET',
    path: /^\/ocsp\/([A-Za-z0-9+/=%]{1,12000})$/,
    async answer(exchange, { ends }, [, text = '']) {
      await answerOcsp(exchange, await ends.ocsp.answer(requestIn(text)));
    },
  },
  {
    method: 'POST',
    path: /^\/ocsp\/?$/,
    async answer(exchange, { ends }) {
      if (!/^application\/ocsp-request$/i.test(exchange.headers.get('content-type') ?? '')) {
        throw new Fault('media_type', 'Send an OCSP request as application/ocsp-request.');
      }
      const request = await exchange.body({ bytes: greatestOcspRequest, milliseconds: 10_000 });
      await answerOcsp(exchange, await ends.ocsp.answer(request));
    },
  },
];

/** Octets that are no request are answered as such. */
function requestIn(text: string): Uint8Array {
  try {
    return fromBase64(decodeURIComponent(text)) ?? new Uint8Array();
  } catch {
    return new Uint8Array();
  }
}

/** Answers the `plain` listener: what verifies itself by its signature or fingerprint, and is public. */
export async function answerPlain(exchange: Exchange, answers: PlainAnswers): Promise<void> {
  const { scep } = answers;
  if (scep?.serves(exchange.path)) return await scep.answer(exchange);
  try {
    const methods: string[] = [];
    for (const route of routes) {
      const match = route.path.exec(exchange.path);
      if (!match) continue;
      if (route.method === exchange.method) return await route.answer(exchange, answers, match);
      methods.push(route.method);
    }
    if (methods.length > 0) {
      const fault = new Fault('method_not_allowed', `This path offers ${methods.join(' and ')}.`);
      return await answerProblem(exchange, fault, { allow: methods.join(', ') });
    }
    throw new Fault(
      'not_found',
      'This listener has CRLs, an OCSP responder and CA certificates, and SCEP when that is opened.',
    );
  } catch (error) {
    await answerProblem(exchange, toFault(error));
  }
}

function noList(): Fault {
  return new Fault(
    'not_found',
    'There is no such CRL. With authority.publicUrl set, certificates name theirs.',
  );
}

/** How long a copy on the way may stand in for the list, so that a revocation is soon seen through caches as well. */
const longestCopySeconds = 60;

async function answerCrl(exchange: Exchange, crl: PublishedCrl, now: number): Promise<void> {
  const { der, tag, thisUpdate, nextUpdate } = crl;
  const seconds = Math.max(0, Math.min(longestCopySeconds, Math.floor((nextUpdate - now) / 1_000)));
  // RFC 2585 §4.2.
  await answerCached(exchange, { der, type: 'application/pkix-crl', tag, seconds, thisUpdate, nextUpdate });
}

const ocspType = { 'content-type': 'application/ocsp-response' };
const uncached = Object.freeze({ ...ocspType, 'cache-control': 'no-store' });

/** RFC 5019 §6.2. The same for all who get the same answer, which is used for no more than half of its life. */
const cached = rememberedFor(({ tag, thisUpdate, nextUpdate }: NonNullable<OcspReply['kept']>) => {
  const seconds = Math.min(longestCopySeconds, Math.floor((nextUpdate - thisUpdate) / 4_000));
  return Object.freeze({ ...ocspType, ...cacheHeaders({ tag, seconds, thisUpdate, nextUpdate }) });
});

/** What answers a nonce, or says nothing, may not be kept by anybody. */
async function answerOcsp(exchange: Exchange, { der, kept }: OcspReply): Promise<void> {
  if (kept === null) return await exchange.respond(200, uncached, der);
  const headers = cached(kept);
  if (has(exchange, headers.etag)) return await exchange.respond(304, headers);
  await exchange.respond(200, headers, der);
}

interface CacheTimes {
  readonly tag: string;
  readonly seconds: number;
  readonly thisUpdate?: number;
  readonly nextUpdate?: number;
}

function cacheHeaders({ tag, seconds, thisUpdate, nextUpdate }: CacheTimes) {
  return {
    'cache-control': `public, max-age=${seconds}, must-revalidate`,
    etag: `"${tag}"`,
    ...(thisUpdate !== undefined && { 'last-modified': new Date(thisUpdate).toUTCString() }),
    ...(nextUpdate !== undefined && { expires: new Date(nextUpdate).toUTCString() }),
  };
}

/** RFC 9110 §13.1.2: whether the asker says that it has it: a list of tags, or any. */
function has(exchange: Exchange, tag: string): boolean {
  const asked = exchange.headers.get('if-none-match');
  if (asked === null) return false;
  const tags = asked.split(',').map((one) => one.trim());
  return tags.includes(tag) || tags.includes('*');
}

async function answerCached(
  exchange: Exchange,
  answer: CacheTimes & { readonly der: Uint8Array; readonly type: string },
): Promise<void> {
  const headers = cacheHeaders(answer);
  if (has(exchange, headers.etag)) return await exchange.respond(304, headers);
  await exchange.respond(200, { ...headers, 'content-type': answer.type }, answer.der);
}

import type { Connection, Exchange } from '../../http/exchange.ts';
import { answerProblem } from '../../http/problem.ts';
import type { Caller } from '../../identity/caller.ts';
import { identify } from '../../identity/identify.ts';
import { equalBytes } from '../../kernel/bytes.ts';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { checkValidity } from '../../x509/leaf-profile.ts';
import { readCertificate } from '../../x509/certificate.ts';
import type { LeafKind } from '../../x509/leaf-profile.ts';
import { findOperation } from '../admin/operations.ts';
import type { Authority } from '../authority/authority.ts';
import type { CertificateRecord } from '../../ca/certificate-records.ts';
import { streamFeed } from '../feed/stream-feed.ts';

const bodyLimit = { bytes: 256 * 1024, milliseconds: 10_000 };

/** One row of the authority's listener: who may call, and what is answered. */
interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: RegExp;
  /** Which certificates may call; null when none is needed. */
  readonly kinds: readonly LeafKind[] | null;
  answer(context: RouteContext): Promise<void>;
}

interface RouteContext {
  readonly exchange: Exchange;
  readonly authority: Authority;
  readonly match: RegExpExecArray;
  /** The caller, checked as `kinds` demands, and their issuance record. */
  readonly holder: { readonly caller: Caller; readonly record: CertificateRecord } | null;
}

const routes: readonly Route[] = [
  {
    method: 'GET',
    path: /^\/v1\/trust$/,
    kinds: null,
    answer: ({ exchange, authority }) => answerJson(exchange, { ...authority.describe() }),
  },
  {
    method: 'POST',
    path: /^\/v1\/enrol\/join-token$/,
    kinds: null,
    async answer({ exchange, authority }) {
      const input = await readObject(exchange);
      const token = member(input, 'token');
      await answerJson(exchange, {
        ...(await authority.redeem(token, member(input, 'csr'), exchange.connection.address)),
      });
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/enrol\/renew$/,
    kinds: ['agent', 'ephemeral', 'server', 'gateway', 'admin'],
    async answer({ exchange, authority, holder }) {
      const input = await readObject(exchange);
      await answerJson(exchange, { ...(await authority.renew(proven(holder).record, member(input, 'csr'))) });
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/admin\/([a-z.-]+)$/,
    kinds: ['admin'],
    async answer({ exchange, authority, match, holder }) {
      const operation = findOperation(match[1] ?? '');
      const input = await readObject(exchange);
      const actor = { name: proven(holder).caller.name, way: 'remote' } as const;
      await answerJson(exchange, await operation.run(authority, input, actor));
    },
  },
  {
    method: 'GET',
    path: /^\/v1\/feed$/,
    kinds: ['gateway'],
    answer: ({ exchange, authority, holder }) => streamFeed(exchange, authority, proven(holder).caller),
  },
];

/** Answers the `authority` listener: enrolment, renewal, trust, administration and the gateways' feed. */
export async function answerAuthority(exchange: Exchange, authority: Authority): Promise<void> {
  try {
    for (const route of routes) {
      const match = route.method === exchange.method ? route.path.exec(exchange.path) : null;
      if (!match) continue;
      const holder = route.kinds ? await holderOf(exchange.connection, authority, route.kinds) : null;
      return await route.answer({ exchange, authority, match, holder });
    }
    throw new Fault('not_found', `${exchange.method} ${exchange.path} is not offered by this listener.`);
  } catch (error) {
    if (!exchange.answered) await answerProblem(exchange, toFault(error));
  }
}

/**
 * Who holds the connection's certificate, held to its profile, its validity and its record as of now.
 * Throws Fault `certificate_required`, `certificate_profile`, `certificate_revoked`, `certificate_unknown`, ….
 */
async function holderOf(
  connection: Connection,
  authority: Authority,
  kinds: readonly LeafKind[],
): Promise<{ readonly caller: Caller; readonly record: CertificateRecord }> {
  if (!connection.certificate) {
    throw new Fault('certificate_required', `This needs a certificate of kind ${kinds.join(' or ')}.`);
  }
  const caller = identify(connection.certificate, { trustDomain: authority.issuer.trustDomain, kinds });
  checkValidity(readCertificate(connection.certificate), authority.clock.now());
  const record = await authority.store.certificates.find(caller.serial);
  if (record?.state === 'revoked') throw new Fault('certificate_revoked', 'The certificate is revoked.');
  // Another authority below the same root could give out a serial of ours; what we issued is these octets.
  if (record?.state !== 'issued' || !record.der || !equalBytes(record.der, connection.certificate)) {
    throw new Fault(
      'certificate_unknown',
      'The certificate is not in the issuance record of this authority.',
    );
  }
  return { caller, record };
}

function proven(holder: RouteContext['holder']): NonNullable<RouteContext['holder']> {
  if (!holder) throw new Fault('certificate_required', 'This needs a client certificate.');
  return holder;
}

async function readObject(exchange: Exchange): Promise<JsonObject> {
  const type = exchange.headers.get('content-type') ?? '';
  if (!/^application\/json\b/i.test(type)) {
    throw new Fault('media_type', 'Send the body as application/json.');
  }
  const value = parseJson(await exchange.body(bodyLimit), { depth: 16, values: 10_000 });
  if (!isJsonObject(value)) throw new Fault('invalid_input', 'The body must be a JSON object.');
  return value;
}

function member(input: JsonObject, name: string): string {
  const value = input[name];
  if (typeof value !== 'string' || value === '')
    throw new Fault('invalid_input', `The body needs ${name}, a string.`);
  return value;
}

async function answerJson(exchange: Exchange, value: Json): Promise<void> {
  await exchange.respond(
    200,
    { 'content-type': 'application/json', 'cache-control': 'no-store' },
    JSON.stringify(value),
  );
}

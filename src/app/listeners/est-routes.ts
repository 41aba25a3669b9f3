import { readBasic } from '../../enrol/est/read-basic.ts';
import { readEnrolment, writeCertificates, writeRequestAttributes } from '../../enrol/est/est-messages.ts';
import type { Delivery } from '../../enrol/delivery.ts';
import type { Exchange } from '../../http/exchange.ts';
import { problemOf } from '../../http/problem.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { type Issuer, rootsOf } from '../../ca/issuer.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { decodePem } from '../../x509/pem.ts';
import { readRequest } from '../../x509/request.ts';
import type { Authority } from '../authority/authority.ts';
import { bodyLimit, type Route, type RouteContext } from './route.ts';

/**
 * The door of EST, Enrolment over Secure Transport (RFC 7030), at `/.well-known/est` of the authority's listener: a first
 * certificate for a join token, given as the password of HTTP Basic, and the next for the one before. `docs/guides/est.md`.
 */
export const estRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: /^\/\.well-known\/est\/cacerts$/,
    kinds: null,
    // RFC 7030 §4.1.3: the roots, and what leads from leaves to them, also of one that is being replaced.
    answer: ({ exchange, authority }) =>
      answerBase64(
        exchange,
        'application/pkcs7-mime',
        writeCertificates(chainsOf(authority.issuers.all()).map(({ der }) => der)),
      ),
  },
  {
    method: 'GET',
    path: /^\/\.well-known\/est\/csrattrs$/,
    kinds: null,
    answer: ({ exchange }) => answerBase64(exchange, 'application/csrattrs', writeRequestAttributes()),
  },
  {
    method: 'POST',
    path: /^\/\.well-known\/est\/simpleenroll$/,
    kinds: null,
    async answer({ exchange, authority }) {
      try {
        await answerCertificate(exchange, await enrol(exchange, authority));
      } catch (error) {
        const fault = toFault(error);
        if (fault.code !== 'join_token_invalid') throw fault;
        await askForToken(exchange, fault);
      }
    },
  },
  {
    method: 'POST',
    path: /^\/\.well-known\/est\/simplereenroll$/,
    kinds: ['agent', 'server', 'gateway', 'admin'],
    unverified: true,
    async answer({ exchange, authority, holder }: RouteContext) {
      if (!holder)
        throw new Fault('certificate_required', 'This needs the certificate that is to be renewed.');
      const request = await readBody(exchange);
      await answerCertificate(exchange, await authority.renew(holder.record, request));
    },
  },
  {
    method: 'POST',
    path: /^\/\.well-known\/est\/serverkeygen$/,
    kinds: null,
    async answer() {
      const detail = 'A key is made where it is used, and never here: make one and ask with simpleenroll.';
      throw new Fault('denied', detail);
    },
  },
];

function chainsOf(issuers: readonly Issuer[]): readonly Certificate[] {
  return [...rootsOf(issuers), ...issuers.map(({ certificate }) => certificate)];
}

async function enrol(exchange: Exchange, authority: Authority): Promise<Delivery> {
  const credential = readBasic(exchange.headers.get('authorization'));
  if (!credential) {
    throw new Fault(
      'join_token_invalid',
      'The first certificate needs a join token: HTTP Basic with the name as user and the token as password. Make one with: countersign join-token create',
    );
  }
  const pem = await readBody(exchange);
  const [der = new Uint8Array()] = decodePem(pem, 'CERTIFICATE REQUEST');
  const { commonName } = readRequest(der);
  // Before the token is used up: who mistypes a name may try again.
  if (commonName !== null && commonName !== credential.user) {
    throw new Fault(
      'request_invalid',
      `The request names ${JSON.stringify(commonName)}, and the user is ${JSON.stringify(credential.user)}.`,
    );
  }
  return await authority.redeem(credential.password, pem, exchange.connection.address);
}

async function readBody(exchange: Exchange): Promise<string> {
  const type = exchange.headers.get('content-type') ?? '';
  if (!/^application\/pkcs10\b/i.test(type)) {
    throw new Fault('media_type', 'Send the request as application/pkcs10, in base64.');
  }
  return readEnrolment(await exchange.body(bodyLimit));
}

/** RFC 7030 §4.2.3: the certificate that was issued, and no other. */
async function answerCertificate(exchange: Exchange, { certificate }: Delivery): Promise<void> {
  const [leaf = new Uint8Array()] = decodePem(certificate, 'CERTIFICATE');
  await answerBase64(exchange, 'application/pkcs7-mime; smime-type=certs-only', writeCertificates([leaf]));
}

/** RFC 7030 §3.2.3: without a credential that counts, HTTP asks for one. */
async function askForToken(exchange: Exchange, fault: Fault): Promise<void> {
  const headers = {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    'www-authenticate': 'Basic realm="join token", charset="UTF-8"',
  };
  const problem = { ...problemOf(fault), title: 'Unauthorized', status: 401 };
  await exchange.respond(401, headers, JSON.stringify(problem));
}

async function answerBase64(exchange: Exchange, type: string, body: string): Promise<void> {
  const headers = {
    'content-type': type,
    'content-transfer-encoding': 'base64',
    'cache-control': 'no-store',
  };
  await exchange.respond(200, headers, body);
}

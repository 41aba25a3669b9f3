import { createBoundedRecord } from '../../audit/bounded-record.ts';
import type { CertificateAuthority } from '../../ca/certificate-authority.ts';
import type { Exchange } from '../../http/exchange.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { keyChange, listOrders, newAccount, updateAccount } from './accounts.ts';
import {
  type AcmeParts,
  type AcmeUrls,
  acmeUrls,
  type Attestations,
  type Reply,
  type SubjectStates,
} from './acme-parts.ts';
import { acmeProblemOf } from './acme-problem.ts';
import type { AcmeAccountRecords, AcmeOrderRecords } from './acme-records.ts';
import { answerChallenge, updateAuthorization } from './authorizations.ts';
import type { BindingSecrets } from './external-account.ts';
import { downloadCertificate, finalize, recoverOrders } from './finalize.ts';
import { LeftBehind } from './left-behind.ts';
import { createNonces, sharedNonces, type SharedNonces } from './nonces.ts';
import { newOrder, showOrder } from './orders.ts';
import { renewalInfo } from './renewal-info.ts';
import { revokeCert } from './revoke-cert.ts';
import { readSignedRequest, type SignedRequest } from './signed-request.ts';
import type { Outside } from './validate-challenge.ts';
import { createValidations } from './validations.ts';

/** The ACME door (RFC 8555): its directory is at `/acme/directory`. */
export interface AcmeDoor extends AsyncDisposable {
  /** Whether a path is the door's. */
  serves(path: string): boolean;
  answer(exchange: Exchange): Promise<void>;
}

/** What `app` gives the door. */
export interface AcmeDoorOptions {
  readonly ca: CertificateAuthority;
  readonly accounts: AcmeAccountRecords;
  readonly orders: AcmeOrderRecords;
  readonly subjects: SubjectStates;
  readonly secrets: BindingSecrets;
  readonly attestations: Attestations;
  readonly outside: Outside;
  /** The other authorities of the store; none unless given. */
  readonly others?: OtherAuthorities;
}

/** Port: the other authorities of a store. */
export interface OtherAuthorities extends SharedNonces {
  /** Whether it is this authority that goes on with what a dead one has begun. */
  leads(): boolean;
  /** Calls the listener every now and then. Returns how to stop. */
  onBeat(listener: () => Promise<void>): () => void;
}

/** How long something stands still before its authority is taken to have died over it, in milliseconds. */
const patience = 60_000;

/** Opens the door: settles what a stopped process left behind, then answers. */
export async function openAcmeDoor(options: AcmeDoorOptions): Promise<AcmeDoor> {
  const { ca, accounts, orders, outside } = options;
  const { audit, clock } = ca;
  await using opened = new AsyncDisposableStack();
  const strangers = opened.use(createBoundedRecord(audit, { type: 'acme-accounts.refused' }));
  const validations = opened.use(createValidations({ accounts, orders, outside, audit, clock }));
  const nonces = options.others ? sharedNonces(options.others) : createNonces(clock);
  const parts: AcmeParts = { ...options, strangers, validations, nonces };
  if (options.others) {
    opened.defer(options.others.onBeat(takingOver(parts, options.others)));
  } else {
    await recoverOrders(parts);
    await validations.resume();
  }
  const held = opened.move();
  return {
    serves: (path) => path.startsWith('/acme/'),
    answer: (exchange) => answer(exchange, parts),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** Goes on with what other authorities have left behind. */
function takingOver(parts: AcmeParts, { leads, clock }: OtherAuthorities): () => Promise<void> {
  const [lostOrders, lostChallenges] = [new LeftBehind(patience), new LeftBehind(patience)];
  const idsOf = (all: readonly { readonly id: string }[]): readonly string[] => all.map(({ id }) => id);
  return async () => {
    if (!leads()) return;
    const { orders, validations } = parts;
    const left = lostOrders.among(idsOf(await orders.processing()), clock.monotonic());
    if (left.size > 0) await recoverOrders(parts, left);
    const unsettled = await orders.unsettled();
    const lost = lostChallenges.among(idsOf(unsettled), clock.monotonic());
    if (lost.size > 0) await validations.resume(lost);
  };
}

/** One signed request: where, who may sign, and what is answered. */
interface Row {
  readonly path: RegExp;
  readonly signer: 'account' | 'key' | 'either';
  answer(context: Context): Promise<Reply>;
}

interface Context {
  readonly request: SignedRequest;
  readonly urls: AcmeUrls;
  readonly parts: AcmeParts;
  /** What stood in the path. */
  readonly id: string;
  readonly type: string;
  readonly address: string;
}

const id = '([A-Za-z0-9_-]{1,64})';
const row = (path: string, signer: Row['signer'], act: Row['answer']): Row => ({
  path: new RegExp(`^/acme/${path}$`),
  signer,
  answer: act,
});

const rows: readonly Row[] = [
  row('new-account', 'key', ({ request, urls, parts, address }) => newAccount(request, urls, parts, address)),
  row(`account/${id}`, 'account', (at) => updateAccount(ownAccount(at), at.urls, at.parts)),
  row(`account/${id}/orders`, 'account', (at) => listOrders(ownAccount(at), at.urls, at.parts)),
  row('key-change', 'account', ({ request, urls, parts }) => keyChange(request, urls, parts)),
  row('new-order', 'account', ({ request, urls, parts }) => newOrder(request, urls, parts)),
  row(`order/${id}`, 'account', (at) => showOrder(asGet(at.request), at.id, at.urls, at.parts)),
  row(`order/${id}/finalize`, 'account', (at) => finalize(at.request, at.id, at.urls, at.parts)),
  row(`certificate/${id}`, 'account', (at) => downloadCertificate(asGet(at.request), at.id, at.parts)),
  row(`authorization/${id}`, 'account', (at) => updateAuthorization(at.request, at.id, at.urls, at.parts)),
  row(`challenge/${id}/([a-z0-9-]{1,20})`, 'account', (at) =>
    answerChallenge(at.request, at, at.urls, at.parts),
  ),
  row('revoke-cert', 'either', ({ request, parts }) => revokeCert(request, parts)),
];

function ownAccount({ request, id: asked }: Context): SignedRequest {
  if (request.account?.id === asked) return request;
  throw new Fault('account_refused', 'The request was signed by another account.');
}

/** RFC 8555 §6.3: what only shows something is asked with an empty payload. */
function asGet(request: SignedRequest): SignedRequest {
  if (request.payload === null) return request;
  throw new Fault('invalid_input', 'This is asked with an empty payload (POST-as-GET).');
}

async function answer(exchange: Exchange, parts: AcmeParts): Promise<void> {
  const urls = acmeUrls(`https://${exchange.headers.get('host') ?? ''}`);
  try {
    await send(exchange, await replyTo(exchange, urls, parts), urls, parts);
  } catch (error) {
    if (exchange.answered) return;
    const fault = toFault(error);
    const { status, body } = acmeProblemOf(fault);
    const { retryAfterSeconds: again } = fault;
    const headers = {
      'content-type': 'application/problem+json',
      ...(again !== null && { 'retry-after': String(again) }),
    };
    await send(exchange, { status, body, headers }, urls, parts);
  }
}

async function replyTo(exchange: Exchange, urls: AcmeUrls, parts: AcmeParts): Promise<Reply> {
  const { method, path } = exchange;
  if (path === '/acme/new-nonce') {
    // RFC 8555 §7.2: 200 to HEAD and 204 to GET, both with the nonce that every answer carries.
    if (method === 'HEAD') return { status: 200 };
    if (method === 'GET') return { status: 204 };
    throw notOffered('HEAD and GET');
  }
  if (path === '/acme/directory') {
    if (method !== 'GET' && method !== 'HEAD') throw notOffered('GET');
    return { status: 200, body: directory(urls) };
  }
  const [, certificate] = /^\/acme\/renewal-info\/([A-Za-z0-9_.-]{1,200})$/.exec(path) ?? [];
  if (certificate !== undefined) {
    if (method !== 'GET') throw notOffered('GET');
    return renewalInfo(certificate, parts);
  }
  for (const one of rows) {
    const found = one.path.exec(path);
    if (!found) continue;
    if (method !== 'POST') throw notOffered('POST');
    const url = urls.directory.slice(0, -'/acme/directory'.length) + path;
    const request = await readSignedRequest(exchange, url, {
      accounts: parts.accounts,
      nonces: parts.nonces,
      accountUrl: urls.account,
      signer: one.signer,
    });
    const { address } = exchange.connection;
    return one.answer({ request, urls, parts, id: found[1] ?? '', type: found[2] ?? '', address });
  }
  throw new Fault('not_found', 'Nothing is served at this path.');
}

function directory(urls: AcmeUrls): Json {
  const { newNonce, newAccount: account, newOrder: order, revokeCert: revoke, keyChange: key } = urls;
  return {
    newNonce,
    newAccount: account,
    newOrder: order,
    revokeCert: revoke,
    keyChange: key,
    renewalInfo: urls.renewalInfo,
    meta: { externalAccountRequired: true },
  };
}

function notOffered(methods: string): Fault {
  return new Fault('method_not_allowed', `This path offers ${methods}.`);
}

async function send(exchange: Exchange, reply: Reply, urls: AcmeUrls, { nonces }: AcmeParts): Promise<void> {
  const { link, ...own } = reply.headers ?? {};
  const index = `<${urls.directory}>;rel="index"`;
  const type = reply.chain === undefined ? 'application/json' : 'application/pem-certificate-chain';
  const body = reply.chain ?? (reply.body === undefined ? undefined : JSON.stringify(reply.body));
  await exchange.respond(
    reply.status,
    {
      ...(body !== undefined && { 'content-type': type }),
      'cache-control': 'no-store',
      'replay-nonce': nonces.draw(),
      link: link === undefined ? index : `${link}, ${index}`,
      ...own,
    },
    body,
  );
}

import { isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { orderingAccount } from './accounts.ts';
import { settleAttestation } from './attested-device.ts';
import { type AcmeParts, type AcmeUrls, type Reply, timestamp } from './acme-parts.ts';
import type { AcmeAuthorizationRecord, ChallengeType } from './acme-records.ts';
import { accountOf, type SignedRequest } from './signed-request.ts';

/** Shows an authorization, or gives it up (RFC 8555 §7.5, §7.5.2). */
export async function updateAuthorization(
  request: SignedRequest,
  id: string,
  urls: AcmeUrls,
  parts: AcmeParts,
): Promise<Reply> {
  const authorization = await authorizationOf(request, id, parts);
  const now = parts.ca.clock.now();
  const { payload } = request;
  if (payload === null) return replyOf(authorization, urls, now);
  if (!isJsonObject(payload) || payload['status'] !== 'deactivated') {
    throw new Fault('invalid_input', 'An authorization can be given the status deactivated, and no other.');
  }
  await parts.orders.giveUp(id);
  return replyOf((await parts.orders.findAuthorization(id)) ?? authorization, urls, now);
}

function replyOf(authorization: AcmeAuthorizationRecord, urls: AcmeUrls, now: number): Reply {
  const busy = authorization.status === 'pending' && authorization.challenge !== null;
  return {
    status: 200,
    ...(busy && { headers: { 'retry-after': '1' } }),
    body: resourceOf(authorization, urls, now),
  };
}

/** Shows a challenge, or begins to look at it (RFC 8555 §7.5.1). */
export async function answerChallenge(
  request: SignedRequest,
  where: { readonly id: string; readonly type: string },
  urls: AcmeUrls,
  parts: AcmeParts,
): Promise<Reply> {
  const { id } = where;
  const authorization = await authorizationOf(request, id, parts);
  const type = challengesFor(authorization).find((one) => one === where.type);
  if (!type) throw new Fault('not_found', 'There is no such challenge.');
  const { orders, validations, ca } = parts;
  if (request.payload !== null) {
    if (!isJsonObject(request.payload)) throw new Fault('invalid_input', 'Answer a challenge with {}.');
    await orderingAccount(request, parts);
    if (type === 'device-attest-01') await settleAttestation(request, authorization, parts);
    // Of many answers, to one challenge or several, the first is looked at.
    else if (await orders.choose(id, type, ca.clock.now())) {
      validations.start({ ...authorization, challenge: type });
    }
  }
  const now = (await orders.findAuthorization(id)) ?? authorization;
  const status = challengeStatus(now, type);
  return {
    status: 200,
    headers: {
      location: urls.challenge(id, type),
      link: `<${urls.authorization(id)}>;rel="up"`,
      ...(status === 'processing' && { 'retry-after': '1' }),
    },
    body: challengeResource(now, type, urls),
  };
}

async function authorizationOf(
  request: SignedRequest,
  id: string,
  { orders }: Pick<AcmeParts, 'orders'>,
): Promise<AcmeAuthorizationRecord> {
  const account = accountOf(request);
  const authorization = await orders.findAuthorization(id);
  if (!authorization) throw new Fault('not_found', 'There is no such authorization.');
  if (authorization.accountId !== account.id) {
    throw new Fault('account_refused', 'This authorization belongs to another account.');
  }
  return authorization;
}

function isWildcard({ identifier }: AcmeAuthorizationRecord): boolean {
  return identifier.type === 'dns' && identifier.value.startsWith('*.');
}

/** How an identifier can be proved: a wildcard in its zone only (RFC 8555 §7.1.4), an address not in one (RFC 8738 §4), a device by its attestation. */
function challengesFor(authorization: AcmeAuthorizationRecord): readonly ChallengeType[] {
  switch (authorization.identifier.type) {
    case 'dns':
      return isWildcard(authorization) ? ['dns-01'] : ['http-01', 'dns-01', 'tls-alpn-01'];
    case 'ip':
      return ['http-01', 'tls-alpn-01'];
    default:
      return ['device-attest-01'];
  }
}

function resourceOf(authorization: AcmeAuthorizationRecord, urls: AcmeUrls, now: number): Json {
  const { identifier, expiresAt, challenge, status } = authorization;
  // RFC 8555 §7.1.4: once it is decided, only what decided it is shown.
  const decided = status === 'valid' || (status === 'invalid' && challenge !== null);
  // The name of the account itself was valid from the start, without any.
  const proof = challenge ? [challenge] : [];
  const shown = decided ? proof : challengesFor(authorization);
  return {
    identifier: {
      type: identifier.type,
      value: isWildcard(authorization) ? identifier.value.slice(2) : identifier.value,
    },
    status: shownStatus(authorization, now),
    expires: timestamp(expiresAt),
    ...(isWildcard(authorization) && { wildcard: true }),
    challenges: shown.map((type) => challengeResource(authorization, type, urls)),
  };
}

function shownStatus({ status, expiresAt }: AcmeAuthorizationRecord, now: number): string {
  if (now < expiresAt) return status;
  if (status === 'pending') return 'invalid';
  return status === 'valid' ? 'expired' : status;
}

function challengeStatus(authorization: AcmeAuthorizationRecord, type: ChallengeType): string {
  const { status, challenge } = authorization;
  if (challenge !== type) return 'pending';
  if (status === 'pending') return 'processing';
  return status === 'deactivated' ? 'invalid' : status;
}

function challengeResource(
  authorization: AcmeAuthorizationRecord,
  type: ChallengeType,
  urls: AcmeUrls,
): Json {
  const { id, token, challenge, validatedAt, problem } = authorization;
  const own = challenge === type;
  return {
    type,
    url: urls.challenge(id, type),
    status: challengeStatus(authorization, type),
    token,
    ...(own && validatedAt !== null && { validated: timestamp(validatedAt) }),
    ...(own && problem !== null && { error: problem }),
  };
}

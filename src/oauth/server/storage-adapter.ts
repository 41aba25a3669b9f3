import { type Adapter, type AdapterPayload, type ClientMetadata, errors, Provider } from 'oidc-provider';
import type { Clock } from '../../kernel/clock.ts';
import type { EntryCipher } from './entry-cipher.ts';
import { HandedRequest } from './handed-request.ts';
import { knownClient } from './known-clients.ts';
import type { NewOauthEntry, OauthEntry, OauthRecords } from './oauth-records.ts';
import { registeredItself, registrationLives } from './dynamic-clients.ts';
import { isOfAssertion, keyOfAssertion } from './client-assertion.ts';
import { metadataOf, type RegisteredClients } from './registered-clients.ts';
import type { AgentRegistry } from './presented-agent.ts';
import type { TokenRecord } from './token-record.ts';
import { routes } from './token-routes.ts';

/** What the engine stores with. */
export interface StorageParts {
  readonly records: OauthRecords;
  readonly record: Pick<TokenRecord, 'ended'>;
  readonly cipher: EntryCipher;
  readonly agents: Pick<AgentRegistry, 'find'>;
  readonly clients: RegisteredClients;
  /** Whether clients may register themselves. */
  readonly registration: boolean;
  readonly clock: Clock;
  /** How long after its end an access token may still be believed, in milliseconds: its life and every clock difference. */
  readonly afterglow: number;
}

/** How long a refresh token that was used is good once more, for the agent that it was given to, in milliseconds. */
export const graceMilliseconds = 30_000;

/** The request that is being answered; null for work that belongs to none. */
export function requestNow(): HandedRequest | null {
  const request = Provider.ctx?.req;
  return request instanceof HandedRequest ? request : null;
}

/** The engine's storage over our records, one adapter for each model. */
export function storageAdapter(parts: StorageParts): (model: string) => Adapter {
  return (model) => new EntryAdapter(model, parts);
}

class EntryAdapter implements Adapter {
  private readonly model: string;
  private readonly parts: StorageParts;

  constructor(model: string, parts: StorageParts) {
    this.model = model;
    this.parts = parts;
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<void> {
    const { records } = this.parts;
    const entry = this.entryOf(id, payload, expiresIn);
    if (this.model !== 'ReplayDetection') return await records.put(entry);
    // Looking first and writing then would let two requests through with one proof (RFC 9449 §11.1) or one assertion (RFC 7523 §3).
    if (await records.putOnce(entry)) return;
    if (isOfAssertion(id, Provider.ctx)) throw new errors.InvalidClientAuth('the assertion was used before');
    throw new errors.InvalidDpopProof('the proof was used before');
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    if (this.model === 'Client') return await this.findClient(id);
    const { records, cipher } = this.parts;
    const entry = await records.find(this.model, cipher.hash(this.model, id));
    return entry ? this.payloadOf(entry) : undefined;
  }

  findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return this.findBy('uid', uid);
  }

  findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    return this.findBy('userCode', userCode);
  }

  /** Throws `invalid_grant` unless this very call uses the entry up (RFC 6749 §4.1.2: once). */
  async consume(id: string): Promise<void> {
    const { records, cipher, clock } = this.parts;
    const hash = cipher.hash(this.model, id);
    const now = clock.now();
    if (requestNow()?.retried.has(hash)) {
      if (await records.retry(this.model, hash, now, now - graceMilliseconds)) return;
      const entry = await records.find(this.model, hash);
      if (entry?.grantId) await this.revokeByGrantId(entry.grantId);
    } else if (await records.consume(this.model, hash, now)) {
      return;
    }
    throw new errors.InvalidGrant('it was used already');
  }

  async destroy(id: string): Promise<void> {
    const { records, cipher } = this.parts;
    await records.remove(this.model, cipher.hash(this.model, id));
  }

  /** Ends the whole grant, and at the gateways the access tokens that came of it: they are not stored here. */
  async revokeByGrantId(grantId: string): Promise<void> {
    const { record, clock, afterglow } = this.parts;
    const request = requestNow();
    // The engine asks for it once for each of its models.
    if (request?.endedGrants.has(grantId)) return;
    request?.endedGrants.add(grantId);
    const now = clock.now();
    const end = { kind: 'grant', key: grantId, before: now, until: now + afterglow } as const;
    const actor = request?.agent?.caller.spiffeId ?? 'nobody';
    await record.ended(end, { reason: reasonAt(request), actor });
  }

  private async findClient(id: string): Promise<AdapterPayload | undefined> {
    const { agents, clients, records, registration, cipher, clock } = this.parts;
    const agent = await knownClient(id, agents);
    if (agent) return agent;
    if (registeredItself(id)) {
      // Where nobody may register, nobody has.
      const entry = registration ? await records.find(this.model, cipher.hash(this.model, id)) : null;
      if (!entry || (entry.expiresAt ?? 0) <= clock.now()) return undefined;
      const metadata = this.payloadOf(entry);
      return metadata && { ...metadata, ...boundInstead() };
    }
    const client = await clients.find(id, keyOfAssertion(Provider.ctx));
    if (!client) return undefined;
    return { ...metadataOf(client), ...boundInstead() };
  }

  private async findBy(name: 'uid' | 'userCode', value: string): Promise<AdapterPayload | undefined> {
    const { records, cipher } = this.parts;
    const entry = await records.findBy(this.model, name, cipher.hash(`${this.model} ${name}`, value));
    return entry ? this.payloadOf(entry) : undefined;
  }

  private entryOf(id: string, payload: AdapterPayload, expiresIn: number | undefined): NewOauthEntry {
    const { cipher, clock } = this.parts;
    const hash = cipher.hash(this.model, id);
    const hashed = (name: 'uid' | 'userCode'): string | null =>
      payload[name] === undefined ? null : cipher.hash(`${this.model} ${name}`, payload[name]);
    const now = clock.now();
    const life = this.model === 'Client' ? (expiresIn ?? registrationLives.unused) : expiresIn;
    const rotated =
      this.model === 'RefreshToken' ? Provider.ctx?.oidc.entities.RotatedRefreshToken : undefined;
    return {
      model: this.model,
      id: hash,
      sealed: cipher.seal(this.model, hash, payload),
      // A grant belongs to itself, so that it ends with what came of it.
      grantId: this.model === 'Grant' ? id : (payload.grantId ?? null),
      uid: hashed('uid'),
      userCode: hashed('userCode'),
      person: payload.accountId ?? null,
      client: payload.clientId ?? null,
      agent: this.model === 'RefreshToken' ? (requestNow()?.agent?.caller.spiffeId ?? null) : null,
      replaces: rotated ? cipher.hash(this.model, rotated.jti) : null,
      createdAt: now,
      expiresAt: life === undefined ? null : now + life * 1_000,
    };
  }

  private payloadOf(entry: OauthEntry): AdapterPayload | undefined {
    const content = this.parts.cipher.open(this.model, entry.id, entry.sealed);
    if (!content) return undefined;
    const payload: AdapterPayload = { ...content };
    if (this.model === 'RefreshToken') this.followAgent(entry, payload);
    if (entry.consumedAt !== null && !this.isGoodOnceMore(entry)) {
      payload.consumed = Math.floor(entry.consumedAt / 1_000);
    }
    return payload;
  }

  /**
   * A refresh token belongs to the agent, an access token to its very certificate (RFC 8705 §4): a renewed certificate of the
   * same agent takes the place of the one before.
   */
  private followAgent(entry: OauthEntry, payload: AdapterPayload): void {
    const caller = requestNow()?.agent?.caller;
    if (caller && caller.spiffeId === entry.agent && payload['x5t#S256'] !== undefined) {
      payload['x5t#S256'] = caller.thumbprint;
    }
  }

  /** The answer to a refresh may be lost on its way: its agent may ask once more, shortly after. */
  private isGoodOnceMore(entry: OauthEntry): boolean {
    const request = requestNow();
    const { consumedAt, retriedAt, agent } = entry;
    if (this.model !== 'RefreshToken' || !request || consumedAt === null || retriedAt !== null) return false;
    if (agent === null || request.agent?.caller.spiffeId !== agent) return false;
    if (this.parts.clock.now() - consumedAt > graceMilliseconds) return false;
    request.retried.add(entry.id);
    return true;
  }
}

/** A client that shows no certificate may bind its tokens to a key of its own (RFC 9449). */
function boundInstead(): Pick<
  ClientMetadata,
  'tls_client_certificate_bound_access_tokens' | 'dpop_bound_access_tokens'
> {
  if (requestNow()?.provesKeyAlone !== true) return {};
  return { tls_client_certificate_bound_access_tokens: false, dpop_bound_access_tokens: true };
}

/** Why a grant ends in the middle of a request: its client said so, or something came back that is used up (RFC 9700 §4.14.2). */
function reasonAt(request: HandedRequest | null): string {
  return request?.url?.startsWith(routes.revocation)
    ? 'revoked by its client'
    : 'a code or a refresh token came back that was used';
}

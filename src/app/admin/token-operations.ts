import { z } from 'zod';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { type IssuedToken, type TokenEnd, tokenAfterglow } from '../../oauth/server/oauth-records.ts';
import { leafUri } from '../../x509/leaf-profile.ts';
import type { Authority } from '../authority/authority.ts';
import { type Operation, operation } from './operation.ts';

const id = z.string().trim().min(1).max(500);
const text = z.string().trim().min(1).max(500);

/** The acts on access tokens and on what people granted. */
export const tokenOperations: readonly Operation[] = [
  operation('token.list', false, z.strictObject({}), async (authority) => {
    const { store, clock } = authority;
    const tokens = await liveTokens(authority);
    return plain({ tokens, grants: await store.oauth.liveGrants(clock.now()) });
  }),
  operation('token.show', false, z.strictObject({ id }), async (authority, input) => {
    const { store, clock } = authority;
    const tokens = (await liveTokens(authority)).filter((token) =>
      [token.id, token.grantId].includes(input.id),
    );
    const grant = (await store.oauth.liveGrants(clock.now())).find((each) => each.id === input.id) ?? null;
    if (tokens.length === 0 && !grant) throw unknown(input.id);
    return plain({ grant, tokens });
  }),
  operation(
    'token.revoke',
    true,
    z.strictObject({
      token: id.optional(),
      grant: id.optional(),
      person: id.optional(),
      agent: id.optional(),
      reason: text,
    }),
    async (authority, { reason, ...named }, actor) => {
      const ended = await endOf(named, authority);
      const { audit, store, clock } = authority;
      const now = clock.now();
      await store.oauth.end({ ...ended, before: now, until: now + tokenAfterglow });
      await audit.append({ type: 'token.ended', ...ended, reason, actor: actor.name });
      return { ...ended };
    },
  ),
  operation(
    'token.rotate-key',
    true,
    z.strictObject({ compromised: z.boolean(), reason: text }),
    async (authority, { compromised, reason }, actor) => {
      const { audit } = authority;
      await audit.append({ type: 'token-key.rotating', compromised, reason, actor: actor.name });
      const kid = await authority.rotateTokenKey(compromised);
      await audit.append({ type: 'token-key.rotated', kid, compromised, actor: actor.name });
      return { compromised, kid };
    },
  ),
];

/** Tokens that went out, are not over and were not ended. */
async function liveTokens({ store, clock }: Authority): Promise<readonly IssuedToken[]> {
  const now = clock.now();
  const ends = await store.oauth.ends(now);
  const names = (token: IssuedToken): Readonly<Record<TokenEnd['kind'], string | null>> => ({
    token: token.id,
    grant: token.grantId,
    person: token.person,
    agent: token.agent,
  });
  const isEnded = (token: IssuedToken): boolean =>
    ends.some(({ kind, key, before }) => names(token)[kind] === key && token.issuedAt <= before);
  return (await store.oauth.issued(now)).filter((token) => !isEnded(token));
}

type Named = { readonly [Kind in TokenEnd['kind']]?: string | undefined };

/** What one of the names means. Throws Fault `invalid_input`, or `not_found` for what there is nothing of. */
async function endOf(named: Named, authority: Authority): Promise<Pick<TokenEnd, 'kind' | 'key'>> {
  const given = Object.entries(named).filter(
    (entry): entry is [TokenEnd['kind'], string] => entry[1] !== undefined,
  );
  const [first] = given;
  if (!first || given.length !== 1) {
    throw new Fault('invalid_input', 'Name one of token, grant, person and agent.');
  }
  const [kind, name] = first;
  const { store, clock, issuer } = authority;
  switch (kind) {
    case 'agent':
      if (!(await store.agents.find(name))) {
        throw new Fault('not_found', `No agent named ${name}. See: countersign agent list`);
      }
      return { kind, key: leafUri(issuer.trustDomain, 'agent', name) };
    case 'person':
      return { kind, key: name };
    default: {
      const tokens = await store.oauth.issued(clock.now());
      const grants = await store.oauth.liveGrants(clock.now());
      const known =
        tokens.some((token) => (kind === 'token' ? token.id : token.grantId) === name) ||
        (kind === 'grant' && grants.some((grant) => grant.id === name));
      if (!known) throw unknown(name);
      return { kind, key: name };
    }
  }
}

function unknown(name: string): Fault {
  return new Fault('not_found', `There is no live token or grant ${name}. See: countersign token list`);
}

function plain(value: object): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

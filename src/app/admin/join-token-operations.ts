import { z } from 'zod';
import { isOpen, type JoinTokenRecord } from '../../enrol/join-token/join-token-records.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { namePattern } from '../../x509/leaf-profile.ts';
import { type Operation, operation } from './operation.ts';
import { refuseReserved } from './reserved-name.ts';

const text = z.string().trim().min(1).max(500);
const name = z.string().regex(namePattern, 'must be lower-case letters, digits, dot, dash or underscore');

/** The acts on join tokens. What a name or a pattern may be, the door itself says. */
export const joinTokenOperations: readonly Operation[] = [
  operation(
    'join-token.create',
    true,
    z.strictObject({
      name: z.string().max(64),
      kind: z.enum(['agent', 'ephemeral', 'server', 'gateway', 'admin']).default('agent'),
      minutes: z.number().int().min(1).max(1_440).default(10),
      dnsNames: z.array(z.string().max(253)).max(20).default([]),
      ipAddresses: z.array(z.string().max(45)).max(20).default([]),
      count: z.number().int().optional(),
      owner: text.optional(),
      purpose: text.optional(),
      roles: z.array(name).max(50).optional(),
    }),
    async (authority, input, actor) => {
      const { count, owner, purpose, roles, ...order } = input;
      const batch = batchOf({ count, owner, purpose, roles }, actor.name);
      const made = await authority.createJoinToken(refuseReserved({ ...order, batch }), actor.name);
      return JSON.parse(JSON.stringify(made)) as Json;
    },
  ),
  operation('join-token.list', false, z.strictObject({}), async ({ store, clock }) => {
    const now = clock.now();
    return (await store.joinTokens.list()).map((record) => summary(record, now));
  }),
  operation(
    'join-token.end',
    true,
    z.strictObject({ id: z.string().max(64) }),
    async (authority, input, actor) => ({
      ended: await authority.endJoinToken(input.id, actor.name),
    }),
  ),
];

interface BatchWords {
  readonly count: number | undefined;
  readonly owner: string | undefined;
  readonly purpose: string | undefined;
  readonly roles: readonly string[] | undefined;
}

function batchOf({ count, owner, purpose, roles }: BatchWords, actor: string) {
  if (count !== undefined) {
    return {
      count,
      owner: owner ?? actor,
      purpose: purpose ?? 'enrolled with a batch token',
      roles: roles ?? [],
    };
  }
  if (owner === undefined && purpose === undefined && (roles?.length ?? 0) === 0) return null;
  throw new Fault(
    'invalid_input',
    'Owner, purpose and roles are those of the agents that a batch token registers: say with count for how many.',
  );
}

/** A token without the hash of its secret. */
function summary(record: JoinTokenRecord, now: number): Json {
  const { id, name, kind, createdAt, createdBy, expiresAt, redeemedAt, dnsNames, ipAddresses, batch } =
    record;
  const uses = batch
    ? { count: batch.count, used: batch.used }
    : { count: 1, used: redeemedAt === null ? 0 : 1 };
  return {
    id,
    name,
    kind,
    state: isOpen(record, now) ? 'open' : uses.used >= uses.count ? 'used' : 'over',
    ...uses,
    createdAt,
    createdBy,
    expiresAt,
    redeemedAt,
    dnsNames: [...dnsNames],
    ipAddresses: [...ipAddresses],
    ...(batch && { owner: batch.owner, purpose: batch.purpose, roles: [...batch.roles] }),
  };
}

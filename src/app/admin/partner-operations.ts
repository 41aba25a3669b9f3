import { z } from 'zod';
import { type PartnerRecord, trustEnds } from '../../identity/partner-record.ts';
import { pathPattern } from '../../identity/partner-roles.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { suggest } from '../../kernel/suggest.ts';
import { namePattern } from '../../x509/leaf-profile.ts';
import { fingerprintOf } from '../authority/fingerprint.ts';
import { authorityOf } from '../authority/partners.ts';
import { type Operation, operation } from './operation.ts';

const name = z.string().regex(namePattern, 'must be lower-case letters, digits, dot, dash or underscore');
const text = z.string().max(200_000);
const minute = 60_000;
const day = 24 * 60 * minute;
const https = z
  .url({ protocol: /^https$/, error: 'must be an https URL' })
  .max(2_000)
  .refine((url) => new URL(url).username === '', 'must be without a user or password');

const source = z.strictObject({
  url: https,
  known: z.discriminatedUnion('by', [
    z.strictObject({ by: z.literal('web'), authorities: text.nullable() }),
    z.strictObject({ by: z.literal('spiffe'), id: z.string().max(512) }),
  ]),
  privateAddresses: z.boolean().default(false),
});

const mapping = z.strictObject({
  pattern: z
    .string()
    .max(512)
    .regex(pathPattern, 'must be a path of SPIFFE IDs, such as /agent/ci-*')
    .refine((path) => !path.slice(0, -3).includes('**'), 'has ** in another place than its end'),
  roles: z.array(name).max(50),
});

/** The acts around partners: other trust domains whose agents are let in. */
export const partnerOperations: readonly Operation[] = [
  operation(
    'partner.add',
    true,
    z.strictObject({
      name,
      trustDomain: z.string().max(255),
      bundle: text.nullable().default(null),
      authorities: text.nullable().default(null),
      source: source.nullable().default(null),
      mappings: z.array(mapping).min(1).max(100),
      maximumLife: z
        .number()
        .int()
        .min(minute)
        .max(31 * day)
        .default(day),
      trustedFor: z
        .number()
        .int()
        .min(minute)
        .max(3_650 * day)
        .nullable()
        .default(null),
      replace: z.boolean().default(false),
    }),
    async ({ partners, clock }, input, actor) => shown(await partners.add(input, actor.name), clock.now()),
  ),
  operation('partner.list', false, z.strictObject({}), async ({ partners, clock }) =>
    (await partners.list()).map((partner) => shown(partner, clock.now())),
  ),
  operation('partner.show', false, z.strictObject({ name }), async ({ partners, clock }, input) => {
    const all = await partners.list();
    const partner = all.find((one) => one.name === input.name);
    if (!partner) throw unknown(input.name, all);
    return shown(partner, clock.now());
  }),
  operation('partner.refresh', true, z.strictObject({ name }), async ({ partners, clock }, input) =>
    shown(await partners.refresh(input.name), clock.now()),
  ),
  operation('partner.remove', true, z.strictObject({ name }), async ({ partners }, input, actor) => {
    if (await partners.remove(input.name, actor.name)) return { removed: input.name };
    throw unknown(input.name, await partners.list());
  }),
];

function shown(partner: PartnerRecord, now: number): Json {
  const { source: from, authorities, mappings, ...rest } = partner;
  const until = trustEnds(partner);
  return {
    ...rest,
    url: from?.url ?? null,
    knownBy: from && (from.known.by === 'spiffe' ? from.known.id : 'its host'),
    mappings: mappings.map(({ pattern, roles }) => ({ pattern, roles: [...roles] })),
    authorities: authorities.map((one) => {
      const authority = authorityOf(one);
      return {
        fingerprint: fingerprintOf(authority),
        keyKind: authority.keyKind,
        notAfter: authority.notAfter,
      };
    }),
    until,
    state: now > until ? 'expired' : 'trusted',
  };
}

function unknown(wanted: string, known: readonly PartnerRecord[]): Fault {
  const nearest = suggest(
    wanted,
    known.map((one) => one.name),
  );
  const hint = nearest ? `Did you mean ${nearest}?` : 'See: countersign partner list';
  return new Fault('not_found', `No partner is named ${wanted}. ${hint}`);
}

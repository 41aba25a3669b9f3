import { z } from 'zod';
import { createAcmeKey } from '../../enrol/acme/create-acme-key.ts';
import { rootOf } from '../../enrol/delivery.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { namePattern } from '../../x509/leaf-profile.ts';
import { fingerprintOf } from '../authority/fingerprint.ts';
import { type Operation, operation } from './operation.ts';
import { refuseReserved } from './reserved-name.ts';

const nothing = z.strictObject({});
const id = z.string().regex(/^[A-Za-z0-9_-]{22}$/, 'must be an id as the list shows it');

/** The administrative acts around the ACME door. */
export const acmeOperations: readonly Operation[] = [
  operation(
    'acme-key.create',
    true,
    z.strictObject({
      name: z.string().regex(namePattern, 'must be lower-case letters, digits, dot, dash or underscore'),
      kind: z.enum(['agent', 'server']).default('server'),
      minutes: z.number().int().min(1).max(10_080).default(60),
      dnsNames: z.array(z.string().max(253)).max(20).default([]),
      ipAddresses: z.array(z.string().max(45)).max(20).default([]),
    }),
    async (authority, input, actor) => {
      const { minutes, ...subject } = refuseReserved(input);
      const { store, subjects, attestations, bindingSecrets: secrets, clock, audit, issuer } = authority;
      const made = await createAcmeKey(
        { ...subject, life: minutes * 60_000, createdBy: actor.name },
        { keys: store.acmeKeys, subjects, attestations, secrets, clock, audit },
      );
      const { name, kind } = subject;
      return plain({ ...made, name, kind, rootFingerprint: fingerprintOf(rootOf(issuer)) });
    },
  ),
  operation('acme-key.list', false, nothing, async ({ store }) => plain(await store.acmeKeys.list())),
  operation('acme-key.remove', true, z.strictObject({ id }), async ({ store, audit }, input, actor) => {
    if (!(await store.acmeKeys.remove(input.id))) {
      throw new Fault(
        'not_found',
        `There is no unused external account key ${input.id}. See: countersign acme-key list`,
      );
    }
    await audit.append({ type: 'acme-key.removed', id: input.id, actor: actor.name });
    return { removed: input.id };
  }),
  operation('acme-account.list', false, nothing, async ({ store }) => {
    const accounts = await store.acmeAccounts.list();
    return plain(accounts.map(({ jwk: _jwk, ...rest }) => rest));
  }),
  operation('acme-account.revoke', true, z.strictObject({ id }), async ({ store, audit }, input, actor) => {
    const account = await store.acmeAccounts.find(input.id);
    if (!account) {
      throw new Fault(
        'not_found',
        `There is no ACME account ${input.id}. See: countersign acme-account list`,
      );
    }
    const { kind, name } = account;
    const revoked = await store.acmeAccounts.close(input.id, 'revoked');
    if (!revoked) throw new Fault('conflict', `The ACME account ${input.id} is ${account.status} already.`);
    await audit.append({
      type: 'acme-account.changed',
      id: input.id,
      kind,
      name,
      status: 'revoked',
      actor: actor.name,
    });
    return plain({ revoked: input.id, kind, name });
  }),
];

function plain(value: object): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

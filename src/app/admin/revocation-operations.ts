import { z } from 'zod';
import { pemOfCertificate } from '../../ca/pem-of-certificate.ts';
import { fromBase64 } from '../../kernel/bytes.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { namePattern } from '../../x509/leaf-profile.ts';
import type { Authority } from '../authority/authority.ts';
import { type Operation, operation } from './operation.ts';

const text = z.string().trim().min(1).max(500);
const name = z.string().regex(namePattern, 'must be lower-case letters, digits, dot, dash or underscore');
const serial = z.string().regex(/^[0-9a-fA-F]{1,42}$/, 'must be a serial number in hex');

/** Why a certificate is revoked for good; a hold has an operation of its own. */
export const revocation = z.enum([
  'unspecified',
  'keyCompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
]);
const why = { reason: text, revocation: revocation.optional() };

/** What OCSP is to say of intermediates, in base64. */
export const rootOcspResponses = z
  .array(z.base64().max(10_000))
  .max(1_000)
  .default([])
  .transform((texts) => texts.map((text) => fromBase64(text) ?? new Uint8Array()));

/** Groups are those of a provider, whose name may be left out while only one has such a group. */
const groupName = {
  group: z.string().min(1).max(256),
  provider: z.string().max(64).nullable().default(null),
};

/** `previous`: of the root of the intermediate that is being replaced. */
const whose = z.strictObject({ previous: z.boolean().default(false) });

/** Revoking more than one certificate, and less than for good. */
export const revocationOperations: readonly Operation[] = [
  operation(
    'certificate.hold',
    true,
    z.strictObject({ serial, reason: text }),
    async ({ revocations }, input, actor) => ({
      held: await revocations.hold(input.serial.toLowerCase(), { reason: input.reason, actor: actor.name }),
    }),
  ),
  operation(
    'certificate.reinstate',
    true,
    z.strictObject({ serial, reason: text }),
    async ({ revocations }, input, actor) => ({
      reinstated: await revocations.reinstate(input.serial.toLowerCase(), {
        reason: input.reason,
        actor: actor.name,
      }),
    }),
  ),
  operation(
    'agent.revoke',
    true,
    z.strictObject({ name, below: z.boolean().default(false), ...why }),
    async ({ revocations }, { name: agent, below, ...words }, actor) => ({
      ...(await revocations[below ? 'below' : 'agent'](agent, { ...words, actor: actor.name })),
    }),
  ),
  operation('agent.tree', false, z.strictObject({ name }), async ({ revocations }, input) => ({
    ...(await revocations.treeOf(input.name)),
  })),
  operation(
    'person.revoke',
    true,
    z.strictObject({ owner: text, ...why }),
    async ({ revocations }, { owner, ...words }, actor) => ({
      ...(await revocations.person(owner, { ...words, actor: actor.name })),
    }),
  ),
  operation('group.show', false, z.strictObject(groupName), async ({ revocations }, input) => ({
    ...(await revocations.inGroup(input)),
  })),
  operation(
    'group.revoke',
    true,
    z.strictObject({ ...groupName, ...why }),
    async ({ revocations }, { group, provider, ...words }, actor) => ({
      ...(await revocations.group({ group, provider }, { ...words, actor: actor.name })),
    }),
  ),
  operation(
    'device.revoke',
    true,
    z.strictObject({ device: text, ...why }),
    async ({ revocations }, { device, ...words }, actor) => ({
      ...(await revocations.device(device, { ...words, actor: actor.name })),
    }),
  ),
  operation(
    'server.revoke',
    true,
    z.strictObject({ name, ...why }),
    async ({ revocations }, { name: server, ...words }, actor) => ({
      ...(await revocations.server(server, { ...words, actor: actor.name })),
    }),
  ),
  operation('root-crl.show', false, whose, async ({ rootCrl, issuer, issuers, rotation }, { previous }) => {
    const { retiring } = await rotation.status();
    const before = issuers.all().find(({ certificate }) => certificate.serial === retiring?.serial);
    const root = (previous ? (before ?? issuer) : issuer).chain.at(-1);
    const crl = root ? rootCrl.current(root) : null;
    return {
      root: root ? pemOfCertificate(root.der) : null,
      intermediate: issuer.certificate.serial,
      previous: retiring?.serial ?? null,
      number: crl?.number ?? 0,
      nextUpdate: crl?.nextUpdate ?? null,
      entries: (crl?.entries ?? []).map((entry) => ({ ...entry })),
    };
  }),
  operation(
    'root-crl.replace',
    true,
    z.strictObject({ crl: z.base64().max(1_000_000), ocsp: rootOcspResponses }),
    async ({ rootCrl, rootOcsp }, { crl, ocsp }, actor) => {
      const revoked = await rootCrl.replace(fromBase64(crl) ?? new Uint8Array(), actor.name);
      await rootOcsp.keep(ocsp);
      return { revoked };
    },
  ),
  operation(
    'key.revoke',
    true,
    z.strictObject({ key: z.string().max(100).optional(), of: serial.optional(), ...why }),
    async (authority, { key, of, ...words }, actor): Promise<Json> => {
      const keyHash = await keyOrdered(authority, key, of);
      const { revoked } = await authority.revocations.key(keyHash, { ...words, actor: actor.name });
      return { key: keyHash, revoked };
    },
  ),
];

async function keyOrdered(
  { store }: Authority,
  key: string | undefined,
  of: string | undefined,
): Promise<string> {
  if (key !== undefined && of === undefined) return key;
  if (of === undefined || key !== undefined) {
    throw new Fault('invalid_input', 'Name either the hash of a key or the serial of a certificate for it.');
  }
  const record = await store.certificates.find(of.toLowerCase());
  if (record?.keyHash) return record.keyHash;
  throw new Fault('not_found', `No certificate has the serial ${of}. See: countersign cert list`);
}

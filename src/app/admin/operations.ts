import { z } from 'zod';
import { pemOfCertificate } from '../../ca/pem-of-certificate.ts';
import type { CertificateRecord } from '../../ca/certificate-records.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { suggest } from '../../kernel/suggest.ts';
import { readServerDefinition } from '../../upstream/server-definition.ts';
import { namePattern } from '../../x509/leaf-profile.ts';
import { acmeOperations } from './acme-operations.ts';
import { approvalOperations } from './approval-operations.ts';
import { callApprovalOperations } from './call-approval-operations.ts';
import { alertOperations } from './alert-operations.ts';
import { flowOperations } from './flow-operations.ts';
import { joinTokenOperations } from './join-token-operations.ts';
import { logOperations } from './log-operations.ts';
import { localPersonOperations } from './local-person-operations.ts';
import { type Operation, operation } from './operation.ts';
import { personOperations } from './person-operations.ts';
import { partnerOperations } from './partner-operations.ts';
import { policyOperations } from './policy-operations.ts';
import { refuseReserved } from './reserved-name.ts';
import { revocation, revocationOperations } from './revocation-operations.ts';
import { peerOperations } from './peer-operations.ts';
import { rotationOperations } from './rotation-operations.ts';
import { tokenOperations } from './token-operations.ts';
import { toolOperations } from './tool-operations.ts';
import { refuseUnpinned } from './refuse-unpinned.ts';
import { withOffer } from './server-offer.ts';

const name = z.string().regex(namePattern, 'must be lower-case letters, digits, dot, dash or underscore');
/** A dotted common name is a DNS name to OpenSSL, which the name constraints of the intermediate then refuse. */
const agentName = name.refine(
  (text) => !text.includes('.'),
  'must have no dot: TLS libraries take such a name for a DNS name',
);
const text = z.string().trim().min(1).max(500);
const kind = z.enum(['agent', 'ephemeral', 'server', 'gateway', 'admin']);
const dnsNames = z.array(z.string().max(253)).max(20).default([]);
const ipAddresses = z.array(z.string().max(45)).max(20).default([]);
/** What a register of devices knows a machine by. */
const device = z.string().regex(/^[\x21-\x7e]{1,128}$/, 'must be an id or a serial number without spaces');
const nothing = z.strictObject({});

/** Every administrative act, by name. The command line and the admin listener both go through this table. */
export const operations: readonly Operation[] = [
  operation(
    'agent.add',
    true,
    z.strictObject({
      name: agentName,
      owner: text,
      purpose: text,
      roles: z.array(name).max(50).default([]),
      buildDigest: z
        .string()
        .regex(/^sha256:[0-9a-f]{64}$/)
        .nullable()
        .default(null),
      device: device.nullable().default(null),
    }),
    async (authority, input) => plain(await authority.addAgent(input)),
  ),
  operation(
    'agent.device',
    true,
    z.strictObject({ name, device: device.nullable() }),
    async (authority, input) => plain(await authority.changeAgentDevice(input.name, input.device)),
  ),
  operation('device.check', true, nothing, async (authority) => {
    const counts = await authority.checkDevices(new AbortController().signal);
    if (counts) return { ...counts };
    throw new Fault('not_found', 'Devices need not be compliant: there is no issuance.yaml with devices.');
  }),
  operation('agent.list', false, nothing, async ({ store }) => plain(await store.agents.list())),
  operation('agent.show', false, z.strictObject({ name }), async ({ store }, input) => {
    const agent = await store.agents.find(input.name);
    if (!agent) throw unknown('agent', input.name, await store.agents.list());
    const certificates = await store.certificates.list({ name: input.name });
    const own = certificates.filter((record) => record.kind === 'agent' || record.kind === 'ephemeral');
    return plain({ ...agent, certificates: own.map(summary) });
  }),
  operation('agent.suspend', true, z.strictObject({ name, reason: text }), async (authority, input) =>
    plain(await authority.changeAgentState(input.name, 'suspended', input.reason)),
  ),
  operation('agent.resume', true, z.strictObject({ name, reason: text }), async (authority, input) =>
    plain(await authority.changeAgentState(input.name, 'active', input.reason)),
  ),
  operation('agent.retire', true, z.strictObject({ name, reason: text }), async (authority, input) =>
    plain(await authority.changeAgentState(input.name, 'retired', input.reason)),
  ),
  operation(
    'agent.roles',
    true,
    z.strictObject({ name, roles: z.array(name).max(50) }),
    async (authority, input) => plain(await authority.changeAgentRoles(input.name, input.roles)),
  ),
  ...personOperations,
  ...localPersonOperations,
  operation(
    'server.add',
    true,
    z.strictObject({ definition: z.unknown(), replace: z.boolean().default(false) }),
    async (authority, input) => {
      const definition = readServerDefinition(input.definition as Json);
      refuseUnpinned(definition);
      const added = await authority.putServer(definition, input.replace);
      return plain(withOffer(added, await authority.store.servers.list()));
    },
  ),
  operation('server.list', false, nothing, async ({ store }) => {
    const servers = await store.servers.list();
    return plain(servers.map((server) => withOffer(server, servers)));
  }),
  operation('server.show', false, z.strictObject({ name }), async ({ store, serverStates }, input) => {
    const servers = await store.servers.list();
    const server = servers.find((one) => one.name === input.name);
    if (!server) throw unknown('MCP server', input.name, servers);
    return plain({ ...withOffer(server, servers), gateways: serverStates.of(input.name) });
  }),
  operation(
    'secret.check',
    false,
    z.strictObject({ reference: z.string().min(1).max(4_096) }),
    async ({ secretChecks }, input) => plain(await secretChecks.check(input.reference)),
  ),
  operation('server.remove', true, z.strictObject({ name }), async (authority, input) => {
    const known = await authority.store.servers.list();
    if (!known.some((one) => one.name === input.name)) throw unknown('MCP server', input.name, known);
    await authority.removeServer(input.name);
    return { removed: input.name };
  }),
  operation(
    'certificate.issue',
    true,
    z.strictObject({
      name,
      kind,
      csr: z.string().max(65_536),
      dnsNames,
      ipAddresses,
      minutes: z.number().int().positive().optional(),
    }),
    async (authority, input, actor) => plain(await authority.issueFor(refuseReserved(input), actor.name)),
  ),
  operation(
    'certificate.list',
    false,
    z.strictObject({
      name: name.optional(),
      kind: kind.optional(),
      state: z.enum(['reserved', 'issued', 'revoked', 'abandoned']).optional(),
      expiresBefore: z.number().int().optional(),
      expiresAfter: z.number().int().optional(),
    }),
    async ({ store }, { expiresAfter = 0, ...input }) => {
      const records = await store.certificates.list(defined(input));
      return plain(records.filter(({ notAfter }) => notAfter >= expiresAfter).map(summary));
    },
  ),
  operation('certificate.show', false, z.strictObject({ serial: z.string() }), async ({ store }, input) => {
    const record = await store.certificates.find(input.serial.toLowerCase());
    if (!record) {
      throw new Fault(
        'not_found',
        `No certificate has the serial ${input.serial}. See: countersign cert list`,
      );
    }
    return plain({ ...summary(record), certificate: record.der ? pemOfCertificate(record.der) : null });
  }),
  operation(
    'certificate.revoke',
    true,
    z.strictObject({
      serial: z.string().optional(),
      name: name.optional(),
      reason: text,
      revocation: revocation.optional(),
    }),
    async (authority, input, actor) => plain(await authority.revoke(input, actor.name)),
  ),
  ...revocationOperations,
  ...joinTokenOperations,
  ...peerOperations,
  ...rotationOperations,
  ...approvalOperations,
  ...policyOperations,
  ...callApprovalOperations,
  ...partnerOperations,
  ...flowOperations,
  ...acmeOperations,
  ...logOperations,
  ...alertOperations,
  ...tokenOperations,
  ...toolOperations,
  operation('authority.show', false, nothing, async (authority) => plain(authority.describe())),
];

/** The operation of that name. Throws Fault `not_found` with the nearest name. */
export function findOperation(wanted: string): Operation {
  const found = operations.find((candidate) => candidate.name === wanted);
  if (found) return found;
  const nearest = suggest(
    wanted,
    operations.map((candidate) => candidate.name),
  );
  throw new Fault(
    'not_found',
    `There is no operation ${wanted}.${nearest ? ` Did you mean ${nearest}?` : ''}`,
  );
}

function unknown(what: 'agent' | 'MCP server', wanted: string, known: readonly { name: string }[]): Fault {
  const nearest = suggest(
    wanted,
    known.map((one) => one.name),
  );
  const hint = nearest
    ? `Did you mean ${nearest}?`
    : `See: countersign ${what === 'agent' ? what : 'server'} list`;
  return new Fault('not_found', `No ${what} named ${wanted}. ${hint}`);
}

/** A certificate record without its octets. */
function summary(record: CertificateRecord): Omit<CertificateRecord, 'der' | 'tbsHash'> {
  const { der: _der, tbsHash: _tbsHash, ...rest } = record;
  return rest;
}

function plain(value: object): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

/** The members that are not undefined, as exact optional properties need them. */
function defined<Value extends object>(
  value: Value,
): { [Name in keyof Value]: Exclude<Value[Name], undefined> } {
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof Value]: Exclude<Value[Name], undefined> };
}

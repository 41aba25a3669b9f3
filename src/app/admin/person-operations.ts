import { z } from 'zod';
import type { CertificateRecord } from '../../ca/certificate-records.ts';
import { explainDevice } from '../../enrol/device/explain-device.ts';
import type { DerivedRole } from '../../enrol/person/derive-roles.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { suggest } from '../../kernel/suggest.ts';
import { namePattern } from '../../x509/leaf-profile.ts';
import type { Authority } from '../authority/authority.ts';
import { type Operation, operation } from './operation.ts';

const name = z.string().regex(namePattern, 'must be lower-case letters, digits, dot, dash or underscore');
const person = z.string().trim().min(1).max(500);

/** People, and what an agent has of whom. */
export const personOperations: readonly Operation[] = [
  operation('agent.explain', false, z.strictObject({ name }), (authority, input) =>
    explainAgent(authority, input.name),
  ),
  operation('person.forget', true, z.strictObject({ person }), async ({ store, audit }, input, actor) => {
    if (!(await store.people.forget(input.person))) {
      throw new Fault('not_found', `${input.person} has not logged in.`);
    }
    await audit.append({ type: 'person.forgotten', person: input.person, actor: actor.name });
    return { forgotten: input.person };
  }),
];

async function explainAgent({ store, people, clock, issuance }: Authority, wanted: string): Promise<Json> {
  const agent = await store.agents.find(wanted);
  if (!agent) {
    const nearest = suggest(
      wanted,
      (await store.agents.list()).map((each) => each.name),
    );
    const hint = nearest ? `Did you mean ${nearest}?` : 'See: countersign agent list';
    throw new Fault('not_found', `No agent named ${wanted}. ${hint}`);
  }
  const { owner, state, purpose, buildDigest, createdAt, lastSeen, parent = null } = agent;
  const { byHand, derived } = (await store.agents.origins(wanted)) ?? { byHand: agent.roles, derived: [] };
  const login = await people.explain(owner);
  const now = clock.now();
  const certificates = (await store.certificates.list({ name: wanted }))
    .filter(({ kind, notAfter }) => (kind === 'agent' || kind === 'ephemeral') && notAfter >= now)
    .map(shown);
  return {
    name: wanted,
    state,
    owner,
    parent,
    purpose,
    buildDigest,
    createdAt,
    lastSeen,
    roles: [...byHand.map((role) => ({ role, from: 'hand' })), ...derived.map(origin)],
    login: login && { ...login },
    device: { ...(await explainDevice(agent, async () => (await issuance.current()).devices)) },
    certificates,
  };
}

function origin({ role, provider, rule, because }: DerivedRole): Json {
  return { role, from: 'rule', provider, rule, because: [...because] };
}

function shown({ serial, state, door, notAfter, replaces, hardware }: CertificateRecord): Json {
  return { serial, state, door, notAfter, replaces, hardware: hardware && { ...hardware } };
}

import type { AuditLog } from '../../audit/log.ts';
import { readAddressNames } from '../../ca/address-names.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { mayShowSome } from '../attest/attestation-rules.ts';
import type { Attestations, SubjectStates } from './acme-parts.ts';
import type { AcmeKeyRecord, AcmeKeyRecords, Subject } from './acme-records.ts';
import { drawId } from './draw-id.ts';
import { type BindingSecrets, bindingText } from './external-account.ts';

/** What an external account key is to be good for. `life` in milliseconds. */
export interface AcmeKeyOrder extends Subject {
  readonly life: number;
}

/** A key as it is handed over, once: the secret is not stored and cannot be shown again. */
export interface AcmeKey {
  readonly keyId: string;
  /** base64url, as ACME clients take it. */
  readonly hmacKey: string;
  readonly expiresAt: number;
}

const minute = 60 * 1000;
const greatestLife = 7 * 24 * 60 * minute;

/**
 * Makes an external account key (RFC 8555 §7.3.4) for one registered agent or server, with which one account can be
 * opened, once. Throws Fault `invalid_input`, `agent_unknown`, `agent_inactive`, `not_found` or `audit_unwritable`.
 */
export async function createAcmeKey(
  order: AcmeKeyOrder,
  door: {
    readonly keys: AcmeKeyRecords;
    readonly subjects: SubjectStates;
    readonly attestations: Pick<Attestations, 'rules'>;
    readonly secrets: BindingSecrets;
    readonly clock: Clock;
    readonly audit: Pick<AuditLog, 'append'>;
  },
): Promise<AcmeKey> {
  const { kind, name, life, createdBy } = order;
  if (!Number.isInteger(life) || life < minute || life > greatestLife) {
    throw new Fault('invalid_input', 'An external account key lives from 1 minute to 7 days.');
  }
  const names = readAddressNames(order);
  if (kind === 'agent' && names.dnsNames.length + names.ipAddresses.length === 0) {
    await requireDevice({ kind, name }, door);
  }
  await requireRegistered(kind, name, door.subjects);
  const createdAt = door.clock.now();
  // Clients take both on their command lines.
  const id = drawId((drawn) => !bindingText(drawn, door.secrets).startsWith('-'));
  const record: AcmeKeyRecord = {
    id,
    kind,
    name,
    ...names,
    createdBy,
    createdAt,
    expiresAt: createdAt + life,
    usedAt: null,
  };
  const { expiresAt } = record;
  await door.audit.append({
    type: 'acme-key.created',
    id,
    kind,
    name,
    ...names,
    expiresAt,
    actor: createdBy,
  });
  await door.keys.add(record);
  return { keyId: id, hmacKey: bindingText(id, door.secrets), expiresAt };
}

/** An agent proves itself where it runs, or by the device that it runs on. */
async function requireDevice(
  { kind, name }: Pick<Subject, 'kind' | 'name'>,
  {
    subjects,
    attestations,
  }: { readonly subjects: SubjectStates; readonly attestations: Pick<Attestations, 'rules'> },
): Promise<void> {
  const device = await subjects.device(kind, name);
  const rules = await attestations.rules();
  if (rules && mayShowSome({ kind, name, device }, rules)) return;
  throw new Fault(
    'invalid_input',
    'Say with --dns or --ip where the agent runs: there it proves itself when it orders a certificate. ' +
      'Without them it needs a device (countersign agent device) and somebody in attestation.yaml who vouches for devices.',
  );
}

async function requireRegistered(
  kind: Subject['kind'],
  name: string,
  subjects: SubjectStates,
): Promise<void> {
  const state = await subjects.state(kind, name);
  if (state === 'active') return;
  if (state === 'inactive') throw new Fault('agent_inactive', `The agent ${name} is not active.`);
  throw kind === 'agent'
    ? new Fault('agent_unknown', `No agent named ${name} is registered. First: countersign agent add ${name}`)
    : new Fault(
        'not_found',
        `No MCP server named ${name} is registered. First: countersign server add ${name}`,
      );
}

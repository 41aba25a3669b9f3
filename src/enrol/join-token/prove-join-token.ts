import type { BoundedRecord } from '../../audit/bounded-record.ts';
import type { AuditLog } from '../../audit/log.ts';
import type { AgentStates } from '../../ca/certificate-authority.ts';
import type { Evidence } from '../../ca/evidence.ts';
import type { AgentRecord } from '../../identity/agent-record.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { authorityName } from '../../x509/leaf-profile.ts';
import type { Batch, JoinTokenRecord, JoinTokenRecords } from './join-token-records.ts';
import { readJoinToken } from './join-token-text.ts';
import { matchesNames } from './name-pattern.ts';

/** What the door of join tokens works on. */
export interface JoinTokenDoor {
  readonly tokens: JoinTokenRecords;
  readonly agents: AgentStates;
  readonly clock: Clock;
  readonly audit: Pick<AuditLog, 'append'>;
  /** Where tokens that are not accepted are recorded: whoever reaches the listener can present one. */
  readonly strangers: Pick<BoundedRecord, 'record'>;
}

/** A join token that was recognised. */
export interface ProvenJoinToken {
  readonly evidence: Evidence;
  /** The agents, and among them the one that a batch token is about to register. */
  readonly agents: AgentStates;
  /** Uses the token. Of any number of callers at once as many succeed as it has uses. Throws Fault `join_token_invalid`. */
  useUp(): Promise<void>;
}

/** A token, the name that the request beside it states, and where it came from. */
export interface ShownJoinToken {
  readonly text: string;
  readonly commonName: string | null;
  readonly address: string | null;
}

/**
 * What a join token proves; it is used up later, when what it is used for is approved. The refusal is the same whatever was
 * wrong, so that it teaches a stranger nothing. Throws Fault `join_token_invalid`; for a batch token whose names the request
 * does not fit `request_invalid` or `conflict`.
 */
export async function proveJoinToken(shown: ShownJoinToken, door: JoinTokenDoor): Promise<ProvenJoinToken> {
  const { address } = shown;
  const parts = readJoinToken(shown.text);
  const record = parts ? await door.tokens.find(parts.id, parts.secretHash, door.clock.now()) : null;
  if (!record) return await refuse(parts?.id ?? null, door, address);
  const { id, kind, createdBy } = record;
  const name = record.batch ? await nameOfBatch(record, shown, door) : record.name;
  const agent = record.batch && isAgent(record) ? newAgent(name, record.batch, door.clock.now()) : null;
  return {
    evidence: {
      door: 'join-token',
      name,
      kind,
      owner: record.batch?.owner ?? createdBy,
      dnsNames: record.dnsNames.map((dns) => dns.replace('{name}', name)),
      ipAddresses: record.ipAddresses,
      address,
      replaces: null,
    },
    agents: agent
      ? { find: async (wanted) => (wanted === name ? agent : await door.agents.find(wanted)) }
      : door.agents,
    async useUp() {
      if (!(await door.tokens.use(id, { name, agent }, door.clock.now()))) await refuse(id, door, address);
      await door.audit.append({ type: 'join-token.redeemed', id, name, kind, address, createdBy });
      if (!agent) return;
      const { owner, roles } = agent;
      await door.audit.append({ type: 'agent.added', name, owner, roles, joinToken: id });
    },
  };
}

// The text itself may be a secret that was mistyped; its id alone is safe to keep.
async function refuse(
  id: string | null,
  { strangers }: JoinTokenDoor,
  address: string | null,
): Promise<never> {
  await strangers.record({ type: 'join-token.refused', id, address });
  throw new Fault(
    'join_token_invalid',
    'The join token is unknown, was used or is over. Ask an administrator for a new one: countersign join-token create.',
  );
}

const isAgent = ({ kind }: JoinTokenRecord): boolean => kind === 'agent' || kind === 'ephemeral';

/** The name that the request states, when it is one of the pattern that nobody has. */
async function nameOfBatch(
  record: JoinTokenRecord,
  shown: ShownJoinToken,
  door: JoinTokenDoor,
): Promise<string> {
  const { name: pattern, kind } = record;
  const { commonName } = shown;
  try {
    if (commonName === null) {
      throw new Fault(
        'request_invalid',
        `This token is for names like ${pattern}, and the request states none.`,
      );
    }
    // A dotted common name is a DNS name to OpenSSL, which the name constraints then refuse.
    if (!matchesNames(pattern, commonName) || (isAgent(record) && commonName.includes('.'))) {
      throw new Fault(
        'request_invalid',
        `This token is for names like ${pattern}, and the request is for ${JSON.stringify(commonName)}.`,
      );
    }
    const taken = isAgent(record) && (await door.agents.find(commonName)) !== null;
    if (taken || (kind === 'server' && commonName === authorityName)) {
      throw new Fault('conflict', `The name ${commonName} is taken: a batch token gives new names only.`);
    }
    return commonName;
  } catch (error) {
    const { code, message: reason } = toFault(error);
    const refused = { type: 'certificate.refused', door: 'join-token', replaces: null } as const;
    await door.audit.append({ ...refused, name: commonName, kind, joinToken: record.id, code, reason });
    throw error;
  }
}

function newAgent(name: string, { owner, purpose, roles }: Batch, createdAt: number): AgentRecord {
  return {
    name,
    owner,
    purpose,
    roles,
    buildDigest: null,
    device: null,
    state: 'active',
    createdAt,
    lastSeen: null,
  };
}

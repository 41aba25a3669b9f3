import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { newKey, order } from './authority-client.ts';
import { createKeyStore } from './key-store.ts';

/** What an agent asks for an agent below itself. */
export interface SubAgentWish {
  readonly authority: string;
  /** Where the identity of the one who asks lies. */
  readonly parentFolder: string;
  /** Where that of the new one goes. */
  readonly folderOf: (name: string) => string;
  /** What comes behind the name of the one who asks. */
  readonly name: string;
  readonly purpose: string;
  readonly roles: readonly string[];
  readonly clock: Clock;
}

/** The agent that was enrolled. */
export interface EnrolledSubAgent {
  readonly agent: string;
  readonly folder: string;
  readonly serial: string;
  /** Epoch milliseconds. */
  readonly notAfter: number;
}

/**
 * Gets a certificate for an agent below the one whose identity lies in a folder, with a key of its own, over a connection that
 * the one above authenticates. Throws Fault `enrolment_needed`, or what the authority says.
 */
export async function enrolSubAgent(wish: SubAgentWish): Promise<EnrolledSubAgent> {
  const { authority, parentFolder, purpose, roles, clock } = wish;
  const current = await createKeyStore(parentFolder, clock).load();
  if (!current) {
    throw new Fault(
      'enrolment_needed',
      `There is no certificate in ${parentFolder}. Enrol that agent first.`,
    );
  }
  const agent = `${current.leaf.commonName}--${wish.name}`;
  const folder = wish.folderOf(agent);
  const store = createKeyStore(folder, clock);
  await using _lock = await store.lock();
  const key = newKey();
  await store.prepare(key);
  const roots = current.roots ?? '';
  const delivered = await order({
    authority,
    path: '/v1/enrol/sub-agent',
    token: null,
    name: agent,
    key,
    roots,
    present: current,
    more: { name: wish.name, purpose, roles: [...roles] },
    clock,
  });
  await store.commit(delivered.certificate, delivered.roots);
  return { agent, folder, serial: delivered.leaf.serial, notAfter: delivered.leaf.notAfter };
}

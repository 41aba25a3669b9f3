import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { newKey, order } from './authority-client.ts';
import type { Credentials } from './credentials.ts';
import { enrolmentPath } from './enrolment-path.ts';
import { firstRoots, type FirstTrust } from './first-roots.ts';
import type { KeyStore } from './key-store.ts';
import { untilApproved } from './until-approved.ts';

/** What a first start needs. */
export interface Enrolment extends Omit<FirstTrust, 'authority'> {
  readonly authority: string | null;
  readonly agent: string | null;
  /** A join token, or the JWT of a workload. */
  readonly joinToken: string | null;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}

/**
 * The first start: a new key, a join token, a certificate. Of bridges that start at once one enrols and the others take
 * its identity. Throws Fault `enrolment_needed`, what `firstRoots` throws, or what the authority says.
 */
export async function enrol(store: KeyStore, enrolment: Enrolment): Promise<Credentials> {
  const { agent, joinToken, clock } = enrolment;
  if (joinToken === null) throw needed(agent, store.folder, 'Ask for one: countersign join-token create');
  if (agent === null) throw new Fault('usage', 'Say with --agent for which agent the join token is.');
  const authority = enrolment.authority;
  if (authority === null) throw new Fault('usage', 'Say with --authority where the join token is redeemed.');
  await using _lock = await store.lock();
  const meanwhile = await store.load();
  if (meanwhile && clock.now() < meanwhile.leaf.notAfter) return meanwhile;
  const roots = await firstRoots({ ...enrolment, authority });
  // A request that waits for an administrator is for one key, also after a restart.
  const key = (await store.prepared()) ?? newKey();
  await store.prepare(key);
  const path = enrolmentPath(joinToken);
  const asked = { authority, path, token: joinToken, name: agent, key, roots, present: null, clock };
  const delivered = await untilApproved(() => order(asked), enrolment.log);
  // What was trusted first vouches for the others; roots named by the user stay the only ones.
  const trusted = enrolment.authorityFile === null ? delivered.roots : roots;
  await store.commit(delivered.certificate, trusted);
  return { certificate: delivered.certificate, key, roots: trusted, leaf: delivered.leaf };
}

function needed(agent: string | null, folder: string, advice: string): Fault {
  const name = agent ?? '<agent>';
  return new Fault(
    'enrolment_needed',
    `There is no certificate in ${folder} and no join token. ${advice} ${name}, then start once with --join-token-file.`,
  );
}

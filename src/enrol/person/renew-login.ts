import type { CertificateRecord } from '../../ca/certificate-records.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import type { Login, PersonRecord } from './login-records.ts';
import { deriveFor, type PersonDoor } from './person-door.ts';
import type { PersonProvider } from './person-provider.ts';
import { checkMembership } from './verify-login.ts';

/** Doors of certificates that begin with a login: the first, and those that renew it. */
const doors: readonly string[] = ['person', 'person-renewal'];

/**
 * Before a certificate is renewed: the rules in force are applied to what its owner's last login said, and where the certificate
 * goes back to a login, that login still has to hold. Throws Fault `renewal_refused`, or `unavailable` when it cannot be told.
 */
export async function renewLogin(
  { name, kind, door }: Pick<CertificateRecord, 'name' | 'kind' | 'door'>,
  people: Pick<PersonDoor, 'providers' | 'people' | 'agents' | 'audit' | 'clock'>,
): Promise<void> {
  if (kind !== 'agent') return;
  const bound = doors.includes(door);
  const origins = await people.agents.origins(name);
  if (!bound && !origins) return;
  const agent = await people.agents.find(name);
  const owner = agent && (await people.people.find(agent.owner));
  const login = owner?.login;
  const provider = login && (await standingOf(owner, login, people));
  if (provider && 'name' in provider) return await deriveFor(name, login, provider, people);
  // What a login gave ends with it.
  if (await people.agents.derive(name, [])) {
    await people.audit.append({ type: 'agent.changed', name, derived: [], person: login?.person ?? null });
  }
  if (!bound) return;
  const why = provider?.ended ?? 'its owner has not logged in';
  const advice = `Log in again: countersign login --agent ${name}`;
  throw new Fault('renewal_refused', `The certificate is not renewed: ${why}. ${advice}`);
}

/** The provider of a login that still holds, or why it does not. */
export async function standingOf(
  { person, state }: Pick<PersonRecord, 'person' | 'state'>,
  login: Login,
  { providers, clock }: Pick<PersonDoor, 'providers' | 'clock'>,
): Promise<PersonProvider | { readonly ended: string }> {
  if (state === 'disabled') return { ended: `${person} is disabled` };
  const provider = (await listed(providers)).find(({ issuer }) => issuer === login.issuer);
  if (!provider) return { ended: `people do not log in at ${login.provider} any more` };
  const { loginLife } = provider;
  if (clock.now() - login.at > loginLife) {
    return { ended: `${login.person} logged in at ${new Date(login.at).toISOString()}, too long ago` };
  }
  try {
    checkMembership(login, provider);
    return provider;
  } catch (error) {
    return { ended: toFault(error).message.replace(/\.$/, '') };
  }
}

/** A file that is wrong is nothing for agents. */
async function listed(providers: PersonDoor['providers']): Promise<readonly PersonProvider[]> {
  try {
    return await providers.list();
  } catch (cause) {
    const detail = 'Whether the login holds cannot be told at the moment; the log of the authority says why.';
    throw new Fault('unavailable', detail, { cause, retryAfterMilliseconds: 30_000 });
  }
}

import { namePattern } from '../../x509/leaf-profile.ts';
import { partOfNames } from './agent-names.ts';
import type { Login, OwnedAgents } from './login-records.ts';
import type { PersonProvider } from './person-provider.ts';
import { refused } from './read-person.ts';

/** The agent that a person gets a certificate for. */
export interface ChosenAgent {
  readonly name: string;
  /** Whether it has to be registered first. */
  readonly isNew: boolean;
}

/**
 * An agent of this person, or a name that they may register one by. That an agent is somebody else's, and that there is none and
 * may be none, are refused in the same words. Throws Fault `login_refused`.
 */
export async function chooseAgent(
  wanted: string | null,
  { person }: Login,
  provider: PersonProvider,
  agents: OwnedAgents,
): Promise<ChosenAgent> {
  const part = partOfNames(person);
  const name = wanted ?? usual(part, provider);
  const found = await agents.find(name);
  // What another agent enrolled has its roles of that one, and no login of its own.
  if (found?.owner === person && found.parent === undefined) return { name, isNew: false };
  const may = provider.agents.some((names) => names.has(name, part));
  if (found || !may || !namePattern.test(name) || name.includes('.')) {
    throw refused(`${JSON.stringify(name.slice(0, 64))} is no agent of yours${hint(part, provider)}`);
  }
  const own = (await agents.list()).filter(
    ({ owner, state, parent }) => owner === person && state !== 'retired' && parent === undefined,
  );
  if (own.length >= provider.mostAgents) {
    throw refused(`you own ${own.length} agents, and ${provider.mostAgents} are allowed`);
  }
  return { name, isNew: true };
}

function usual(part: string, provider: PersonProvider): string {
  for (const names of provider.agents) {
    const only = names.only(part);
    if (only !== null) return only;
  }
  throw refused(`say with --agent which agent it is for${hint(part, provider)}`);
}

function hint(part: string, { agents }: PersonProvider): string {
  if (agents.length === 0) return '; agents are registered by administrators here';
  return `; those that you may register are called ${agents.map((names) => names.shown(part)).join(', ')}`;
}

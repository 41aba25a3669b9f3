import { Fault } from '../../kernel/fault.ts';

/** Names of agents that belong to one person, such as `{person}-*`. */
export interface AgentNames {
  readonly text: string;
  /** The only one of them, or null when there are more. */
  only(person: string): string | null;
  has(name: string, person: string): boolean;
  /** As a person is told. */
  shown(person: string): string;
}

const form = /^(?:([a-z0-9_-]*|\*)-)?\{person\}(?:-([a-z0-9_-]*|[a-z0-9_-]*\*|\*))?$/;

/**
 * Reads a pattern: `{person}` is the person, `*` one or more letters, digits, dashes and underscores. As the name of a person
 * has no dash and stands between dashes, one pattern never gives two people the same name. Throws Fault `config_invalid`.
 */
export function readAgentNames(text: string): AgentNames {
  if (!form.test(text) || text.split('*').length > 2) {
    throw new Fault(
      'config_invalid',
      `${JSON.stringify(text)} is no pattern of names: write {person}, {person}-* or ci-{person}, with one * at the most.`,
    );
  }
  const shown = (person: string): string => text.replace('{person}', person);
  return {
    text,
    shown,
    only: (person) => (text.includes('*') ? null : shown(person)),
    has(name, person) {
      const [before = '', after] = shown(person).split('*');
      if (after === undefined) return name === before;
      const middle = name.slice(before.length, name.length - after.length);
      return (
        name.length > before.length + after.length &&
        name.startsWith(before) &&
        name.endsWith(after) &&
        /^[a-z0-9_-]+$/.test(middle)
      );
    },
  };
}

/**
 * A person as a part of names: what stands before the @, in lower case, with one underscore for whatever is no letter or digit.
 * It has no dash. Throws Fault `login_refused` when nothing is left.
 */
export function partOfNames(person: string): string {
  const [local = ''] = person.split('@');
  const part = local
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^_|_$/g, '')
    .slice(0, 40);
  if (part !== '') return part;
  throw new Fault(
    'login_refused',
    `No name of an agent can be made of ${JSON.stringify(person.slice(0, 100))}.`,
  );
}

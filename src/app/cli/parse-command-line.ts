import { Fault } from '../../kernel/fault.ts';
import { suggest } from '../../kernel/suggest.ts';
import type { Command, CommandInput, Flag, Positional } from './command.ts';
import { flagValue } from './flag-value.ts';

/** What a command line asks for. */
export type CommandLine =
  | { readonly kind: 'run'; readonly command: Command; readonly input: CommandInput; readonly json: boolean }
  | { readonly kind: 'help'; readonly command: Command; readonly json: boolean }
  | { readonly kind: 'overview'; readonly path: readonly string[]; readonly json: boolean };

/** Flags that every command has. */
export const globalFlags: readonly Flag[] = [
  { name: 'json', kind: 'switch', meaning: 'print one JSON value for machines instead of text' },
  { name: 'help', kind: 'switch', meaning: 'show this help (also -h)' },
];

/**
 * Reads a command line against the table. The longest command that matches wins. Throws Fault `usage` for an unknown
 * command, flag or choice (with the nearest match), a missing or surplus value, and a value of the wrong kind.
 */
export function parseCommandLine(argv: readonly string[], commands: readonly Command[]): CommandLine {
  const words = expandHelp(argv);
  const globals = new Set<string>();
  const rest = words.filter((word, at) => {
    // Global switches may stand anywhere before `--`.
    const ended = words.indexOf('--');
    const name = globalSwitch(word);
    if (name === null || (ended !== -1 && at > ended)) return true;
    globals.add(name);
    return false;
  });
  const json = globals.has('json');
  const command = longestMatch(rest, commands);
  if (!command) {
    const path = knownPrefix(rest, commands);
    const next = rest[path.length];
    if (next === undefined && (globals.has('help') || path.length === 0))
      return { kind: 'overview', path, json };
    throw unknownCommand(path, next, commands);
  }
  if (globals.has('help')) return { kind: 'help', command, json };
  return { kind: 'run', command, input: readInput(command, rest.slice(command.path.length)), json };
}

/** `countersign help agent add` is `countersign agent add --help`. */
function expandHelp(argv: readonly string[]): readonly string[] {
  if (argv[0] === 'help') return [...argv.slice(1), '--help'];
  return argv[0] === '--version' ? ['version', ...argv.slice(1)] : argv;
}

function globalSwitch(word: string): string | null {
  if (word === '-h' || word === '--help') return 'help';
  return word === '--json' ? 'json' : null;
}

function longestMatch(words: readonly string[], commands: readonly Command[]): Command | null {
  const matches = commands.filter(({ path }) => path.every((word, at) => words[at] === word));
  return matches.sort((a, b) => b.path.length - a.path.length)[0] ?? null;
}

function knownPrefix(words: readonly string[], commands: readonly Command[]): readonly string[] {
  const path: string[] = [];
  for (const word of words) {
    const longer = [...path, word];
    if (!commands.some((command) => longer.every((part, at) => command.path[at] === part))) break;
    path.push(word);
  }
  return path;
}

function unknownCommand(
  path: readonly string[],
  word: string | undefined,
  commands: readonly Command[],
): Fault {
  const next = nextWords(path, commands);
  const group = ['countersign', ...path].join(' ');
  if (word === undefined) {
    return new Fault('usage', `"${group}" needs one of these after it: ${next.join(', ')}.`);
  }
  if (word.startsWith('-')) {
    return new Fault('usage', `"${word}" stands before any command. Write: ${group} <command> ${word}`);
  }
  const near = suggest(word, next);
  const hint = near ? `Did you mean "${[group, near].join(' ')}"?` : `Known here: ${next.join(', ')}.`;
  return new Fault('usage', `There is no command "${group} ${word}". ${hint}`);
}

/** The words that may follow a path of words, in table order. */
export function nextWords(path: readonly string[], commands: readonly Command[]): readonly string[] {
  const following = commands
    .filter((command) => path.every((part, at) => command.path[at] === part))
    .map((command) => command.path[path.length])
    .filter((word) => word !== undefined);
  return [...new Set(following)];
}

function readInput(command: Command, words: readonly string[]): CommandInput {
  const given = new Map<Flag, string[]>();
  const plain: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === '--') {
      plain.push(...words.slice(at + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      plain.push(word);
      continue;
    }
    const equals = word.indexOf('=');
    const flag = findFlag(command, equals === -1 ? word : word.slice(0, equals));
    let value = equals === -1 ? undefined : word.slice(equals + 1);
    if (flag.kind === 'switch') {
      if (value !== undefined) throw new Fault('usage', `--${flag.name} takes no value.`);
      value = 'true';
    } else if (value === undefined) {
      value = words[++at];
      if (value === undefined || value.startsWith('--')) {
        throw new Fault('usage', `--${flag.name} needs a value: ${flag.meaning}.`);
      }
    }
    const values = given.get(flag) ?? [];
    if (values.length > 0 && flag.kind !== 'list') {
      throw new Fault('usage', `--${flag.name} is given twice. Give it once.`);
    }
    given.set(flag, [...values, value]);
  }
  return commandInput(command, given, assignPositionals(command, plain));
}

function findFlag(command: Command, text: string): Flag {
  const found = command.flags.find((flag) => text === `--${flag.name}`);
  if (found) return found;
  const names = [...command.flags, ...globalFlags].map((flag) => `--${flag.name}`);
  const near = suggest(text, names);
  const hint = near ? `Did you mean ${near}?` : `See: countersign ${command.path.join(' ')} --help`;
  throw new Fault('usage', `"countersign ${command.path.join(' ')}" has no flag ${text}. ${hint}`);
}

function assignPositionals(
  command: Command,
  plain: readonly string[],
): ReadonlyMap<Positional, readonly string[]> {
  const assigned = new Map<Positional, readonly string[]>();
  let left = plain;
  for (const positional of command.positionals) {
    const many = positional.count === 'any' || positional.count === 'some';
    const taken = many ? left : left.slice(0, 1);
    if (taken.length === 0 && (positional.count === 'one' || positional.count === 'some')) {
      throw new Fault(
        'usage',
        `"countersign ${command.path.join(' ')}" needs <${positional.name}>: ${positional.meaning}. ` +
          `For example: ${command.example}`,
      );
    }
    assigned.set(positional, taken);
    left = left.slice(taken.length);
  }
  if (left.length > 0) {
    throw new Fault(
      'usage',
      `"${left[0]}" is one word too many for "countersign ${command.path.join(' ')}". ` +
        `For example: ${command.example}`,
    );
  }
  return assigned;
}

function commandInput(
  command: Command,
  given: ReadonlyMap<Flag, readonly string[]>,
  positionals: ReadonlyMap<Positional, readonly string[]>,
): CommandInput {
  const values = new Map(command.flags.map((flag) => [flag.name, flagValue(flag, given.get(flag) ?? [])]));
  const value = <Kind>(name: string, isKind: (found: unknown) => found is Kind): Kind => {
    const found = values.get(name);
    if (!isKind(found)) throw new TypeError(`${command.path.join(' ')}: --${name} is not declared so`);
    return found;
  };
  const words = (name: string): readonly string[] => {
    const positional = command.positionals.find((row) => row.name === name);
    if (!positional) throw new TypeError(`${command.path.join(' ')}: <${name}> is not declared`);
    return positionals.get(positional) ?? [];
  };
  return {
    text: (flag) => value(flag, isTextOrNull),
    must: (flag) => value(flag, isText),
    integer: (flag) => value(flag, isNumberOrNull),
    duration: (flag) => value(flag, isNumberOrNull),
    list: (flag) => value(flag, isList),
    on: (flag) => value(flag, isSwitch),
    word(name) {
      const [first] = words(name);
      if (first === undefined) throw new TypeError(`<${name}> may be left out: ask for words()`);
      return first;
    },
    words,
    given: Object.fromEntries([...given].map(([flag, texts]) => [flag.name, texts.join(',')])),
  };
}

const isText = (found: unknown): found is string => typeof found === 'string';
const isTextOrNull = (found: unknown): found is string | null => found === null || isText(found);
const isNumberOrNull = (found: unknown): found is number | null =>
  found === null || typeof found === 'number';
const isList = (found: unknown): found is readonly string[] => Array.isArray(found);
const isSwitch = (found: unknown): found is boolean => typeof found === 'boolean';

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isJsonObject, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { suggest } from '../../kernel/suggest.ts';
import type { CommandContext, CommandInput, Flag } from '../cli/command.ts';
import { type Config, configSchema, toConfig } from './config.ts';
import { explainIssue } from './explain-issue.ts';
import { configJsonSchema, listSettings, type Setting, variableOf } from './json-schema.ts';
import { refusePlaintextSecrets } from '../../secrets/plaintext-secret.ts';
import { readYaml } from './read-yaml.ts';

/** The flags of every command that reads the configuration. */
export const configFlags: readonly Flag[] = [
  {
    name: 'config',
    kind: 'text',
    placeholder: 'file',
    meaning: 'the configuration file, instead of countersign.yaml in the data folder',
  },
  {
    name: 'set',
    kind: 'list',
    placeholder: 'path=value',
    meaning: 'one setting, such as listeners.agents.port=9443; may be repeated',
  },
];

/**
 * The configuration: defaults, then the file, then the environment, then flags; the later wins. The file is `--config`,
 * COUNTERSIGN_CONFIG, or countersign.yaml in the folder of the program's state when there is one. Fault `config_invalid` names the place, what
 * is wrong and the nearest known name; `not_found` when a file that was named does not exist.
 */
export async function loadConfig(
  context: Pick<CommandContext, 'env'>,
  input: Pick<CommandInput, 'text' | 'list' | 'given'>,
  folder: string,
): Promise<Config> {
  const file = findFile(context, input, folder);
  const fromFile = file === null ? { json: {}, line: () => null } : readYaml(file, await readText(file));
  refusePlaintextSecrets(fromFile.json, file ?? 'the configuration');
  const settings = listSettings();
  const merged = [
    ...environmentSettings(context.env, settings),
    ...flagSettings(input.list('set'), settings),
    ...(input.given['ports'] === 'any' ? anyPorts(settings) : []),
  ].reduce((json, { path, value }) => withMember(json, path, value), fromFile.json);
  // What comes from variables and flags is told of when it is wrong, so it must not be a secret either.
  refusePlaintextSecrets(merged, 'The settings');
  const checked = configSchema.safeParse(merged);
  if (checked.success) return toConfig(checked.data);
  const schema = configJsonSchema();
  const problems = checked.error.issues.map((issue) =>
    explainIssue(issue, (path) => fromFile.line(path), schema),
  );
  throw new Fault(
    'config_invalid',
    `${file ?? 'The configuration'}: ${problems.join(' ')} Nothing was started.`,
  );
}

function findFile(
  context: Pick<CommandContext, 'env'>,
  input: Pick<CommandInput, 'text'>,
  folder: string,
): string | null {
  const named = input.text('config') ?? context.env['COUNTERSIGN_CONFIG'];
  if (named !== undefined) return named;
  const beside = join(folder, 'countersign.yaml');
  return existsSync(beside) ? beside : null;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new Fault('not_found', `The configuration file ${file} cannot be read. Check its name and mode.`, {
      cause,
    });
  }
}

interface Chosen {
  readonly path: readonly string[];
  readonly value: JsonObject[string];
}

/** Variables that begin like a setting must be one: a misspelt limit must not be silently the default. */
function environmentSettings(env: CommandContext['env'], settings: readonly Setting[]): readonly Chosen[] {
  const byVariable = new Map(settings.map((setting) => [variableOf(setting.path), setting]));
  const sections = [...new Set(settings.map(({ path }) => `${variableOf(path.slice(0, 1))}_`))];
  return Object.entries(env).flatMap(([name, text]) => {
    if (text === undefined || !sections.some((section) => name.startsWith(section))) return [];
    const setting = byVariable.get(name);
    if (setting) return [{ path: setting.path, value: valueOf(setting, text) }];
    throw new Fault(
      'config_invalid',
      `The environment variable ${name} is no setting.${didYouMean(name, [...byVariable.keys()])}`,
    );
  });
}

function flagSettings(given: readonly string[], settings: readonly Setting[]): readonly Chosen[] {
  const byPath = new Map(settings.map((setting) => [setting.path.join('.'), setting]));
  return given.map((text) => {
    const equals = text.indexOf('=');
    const path = equals === -1 ? text : text.slice(0, equals);
    const setting = byPath.get(path);
    if (!setting) {
      throw new Fault(
        'config_invalid',
        `--set: there is no setting ${path}.${didYouMean(path, [...byPath.keys()])}`,
      );
    }
    if (equals === -1) throw new Fault('config_invalid', `--set: write ${path}=value.`);
    return { path: setting.path, value: valueOf(setting, text.slice(equals + 1)) };
  });
}

function anyPorts(settings: readonly Setting[]): readonly Chosen[] {
  return settings.filter(({ path }) => path.at(-1) === 'port').map(({ path }) => ({ path, value: 0 }));
}

/** Text from the environment or a flag in the type of its setting; what does not fit is left to the schema to refuse. */
function valueOf(setting: Setting, text: string): JsonObject[string] {
  switch (setting.type) {
    case 'integer':
      return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
    case 'array':
      return text.split(',').flatMap((part) => part.trim() || []);
    case 'string':
      return text;
    default:
      return setting.type satisfies never;
  }
}

function withMember(json: JsonObject, path: readonly string[], value: JsonObject[string]): JsonObject {
  const [name, ...rest] = path;
  if (name === undefined) return json;
  if (rest.length === 0) return { ...json, [name]: value };
  const inner = json[name];
  return { ...json, [name]: withMember(isJsonObject(inner) ? inner : {}, rest, value) };
}

function didYouMean(word: string, known: readonly string[]): string {
  const near = suggest(word, known);
  return near === null ? '' : ` Did you mean ${near}?`;
}

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Fault } from '../../kernel/fault.ts';
import {
  type KnownTools,
  knownTools,
  readDefinitions,
  type ToolDefinition,
} from '../../policy/tools/known-tools.ts';
import { readYaml } from '../config/read-yaml.ts';
import type { Flag } from './command.ts';

export const toolsFlag: Flag = {
  name: 'tools',
  kind: 'text',
  placeholder: 'file',
  meaning: 'a YAML or JSON file with the tools/list result of each server, to hold the policies against',
};

/** The tools of a file of definitions. Throws what `readDefinitionsFile` throws. */
export async function readToolsFile(file: string): Promise<KnownTools> {
  return knownTools(await readDefinitionsFile(file));
}

/** The definitions of a file, by server. Throws Fault `not_found`, `config_invalid` or `invalid_input`. */
export async function readDefinitionsFile(
  file: string,
): Promise<ReadonlyMap<string, readonly ToolDefinition[]>> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new Fault('not_found', `The file of tools ${file} cannot be read.`, { cause });
  });
  const { json } = readYaml(basename(file), text);
  try {
    return readDefinitions(json);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault(error.code, `${basename(file)}: ${error.message}`, { cause: error });
  }
}

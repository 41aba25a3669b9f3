import { isCollection, isMap, isNode, isPair, isSeq, LineCounter, parseDocument } from 'yaml';
import { isJsonObject, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { refuseSecretValues } from '../../secrets/plaintext-secret.ts';

/** A YAML mapping as JSON, and where its members stand. */
export interface YamlFile {
  readonly json: JsonObject;
  /** The line (from 1) of a member or element, or null when it is not in the file. */
  line(path: readonly string[]): number | null;
}

/**
 * Reads one YAML 1.2 document (core schema), without aliases, without a name twice and without what services hand out as
 * credentials. Fault `config_invalid`.
 */
export function readYaml(file: string, text: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) {
    const { line } = lines.linePos(problem.pos[0]);
    throw new Fault('config_invalid', `${file}: line ${line}: ${problem.message}`, { cause: problem });
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 0 }) ?? {};
  } catch (cause) {
    throw new Fault('config_invalid', `${file}: aliases (*name) are not read here. Write the value out.`, {
      cause,
    });
  }
  if (!isJsonObject(value)) {
    throw new Fault(
      'config_invalid',
      `${file} must be a group of settings, such as "gateway:" and lines below it.`,
    );
  }
  const json = value;
  refuseSecretValues(json, file);
  return {
    json,
    line(path) {
      let node: unknown = document.contents;
      let offset: number | null = null;
      for (const name of path) {
        if (isSeq(node)) {
          node = node.items[Number(name)];
          if (isNode(node) && node.range) offset = node.range[0];
          continue;
        }
        if (!isCollection(node)) return offset === null ? null : lines.linePos(offset).line;
        const found = isMap(node)
          ? node.items.find((item) => isPair(item) && String(item.key) === name)
          : undefined;
        const range = found ? (found.key as { readonly range?: readonly number[] }).range : undefined;
        if (range?.[0] !== undefined) offset = range[0];
        node = found?.value;
      }
      return offset === null ? null : lines.linePos(offset).line;
    },
  };
}

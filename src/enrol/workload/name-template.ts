import { Fault } from '../../kernel/fault.ts';

/** A name made of parts of a subject, such as `{namespace}_{account}`. */
export interface NameTemplate {
  readonly text: string;
  /** Throws Fault `workload_refused` when the parts could be those of another subject as well. */
  from(values: Readonly<Record<string, string>>): string;
}

/**
 * Reads a template whose names in braces are among `known`. Two subjects never give one name: all names of the pattern are
 * used, something stands between them, and no part may hold what stands there. Throws Fault `config_invalid`.
 */
export function readNameTemplate(text: string, known: readonly string[]): NameTemplate {
  const parts = text.split(/\{([a-z][a-z0-9]{0,31})\}/);
  const literals = parts.filter((_, at) => at % 2 === 0);
  const names = parts.filter((_, at) => at % 2 === 1);
  const stray = literals.find((literal) => /[{}]/.test(literal));
  if (stray !== undefined) {
    throw new Fault('config_invalid', `The name ${text} has a brace that begins or ends no {name}.`);
  }
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new Fault('config_invalid', `The name ${text} uses {${unknown}}, which the subject does not have.`);
  }
  const missing = known.find((name) => !names.includes(name));
  if (missing !== undefined) {
    throw new Fault(
      'config_invalid',
      `The name ${text} leaves out {${missing}} of the subject, so different workloads would be one.`,
    );
  }
  const between = literals.slice(1, -1);
  if (between.includes('')) {
    throw new Fault('config_invalid', `The name ${text} has two {names} with nothing between them.`);
  }
  return {
    text,
    from(values) {
      for (const name of names) {
        const value = values[name] ?? '';
        const separator = between.find((literal) => value.includes(literal));
        if (separator === undefined) continue;
        const detail = `${JSON.stringify(value)} holds ${JSON.stringify(separator)}, which separates the parts of the name ${text}.`;
        throw new Fault('workload_refused', detail);
      }
      return parts.map((part, at) => (at % 2 === 0 ? part : (values[part] ?? ''))).join('');
    },
  };
}

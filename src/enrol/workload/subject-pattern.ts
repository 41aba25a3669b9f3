import { Fault } from '../../kernel/fault.ts';

/** A pattern of `sub`, such as `system:serviceaccount:{namespace}:{account}`. */
export interface SubjectPattern {
  readonly text: string;
  /** The names in braces. */
  readonly names: readonly string[];
  /** What stands for the names, or null when the subject is another. */
  match(subject: string): Readonly<Record<string, string>> | null;
}

const placeholder = /\{([a-z][a-z0-9]{0,31})\}/g;

/**
 * Reads a pattern. What is not in braces stands for itself; a name in braces is one or more characters other than `:` and
 * `/`. Throws Fault `config_invalid`.
 */
export function readSubjectPattern(text: string): SubjectPattern {
  const names = [...text.matchAll(placeholder)].map(([, name = '']) => name);
  const literals = text.split(/\{[a-z][a-z0-9]{0,31}\}/);
  if (literals.some((literal) => /[{}]/.test(literal))) {
    throw new Fault('config_invalid', `The subject ${text} has a brace that begins or ends no {name}.`);
  }
  if (new Set(names).size !== names.length) {
    throw new Fault('config_invalid', `The subject ${text} has a {name} twice.`);
  }
  // With nothing between them it would be open where one ends and the next begins.
  if (literals.slice(1, -1).includes('')) {
    throw new Fault('config_invalid', `The subject ${text} has two {names} with nothing between them.`);
  }
  const source = literals.map((literal) => literal.replaceAll(/[^A-Za-z0-9]/g, String.raw`\$&`));
  const expression = new RegExp(`^${source.join('([^:/]+)')}$`);
  return {
    text,
    names,
    match(subject) {
      const found = expression.exec(subject);
      if (!found) return null;
      return Object.fromEntries(names.map((name, at) => [name, found[at + 1] ?? '']));
    },
  };
}

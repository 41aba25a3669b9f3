import { Fault } from '../../kernel/fault.ts';
import { type InnerList, writeInnerList } from './structured-fields.ts';

/** The value of a component of a message by its name, or null: of a derived one (`@method`), or of a field in lower case. */
export type ComponentValues = (name: string) => string | null;

/**
 * The text that is signed (RFC 9421 §2.5): a line for each component that `covered` lists, in its order, and one for the
 * parameters. Throws Fault `invalid_input` for a component that is not in the message, comes twice, or is asked for in
 * another form than its plain one.
 */
export function signatureBase(covered: InnerList, values: ComponentValues): string {
  const lines = new Map<string, string>();
  for (const { value: name, parameters } of covered.items) {
    if (typeof name !== 'string' || parameters.size > 0) {
      throw new Fault('invalid_input', 'A covered component is a plain name in quotes.');
    }
    // RFC 9421 §2: each identifier occurs once.
    if (lines.has(name)) throw new Fault('invalid_input', `The component ${name} is covered twice.`);
    lines.set(name, `"${name}": ${valueOf(name, values)}`);
  }
  return [...lines.values(), `"@signature-params": ${writeInnerList(covered)}`].join('\n');
}

/** RFC 9421 §2.1: without whitespace around it; §2.5: ASCII, and on one line. */
function valueOf(name: string, values: ComponentValues): string {
  const value = values(name);
  if (value === null) {
    throw new Fault(
      'invalid_input',
      `The covered component ${name} is not in the request, or not one that is known.`,
    );
  }
  if (!/^[\x20-\x7e\t]*$/.test(value))
    throw new Fault('invalid_input', `The component ${name} is not ASCII.`);
  return value.trim();
}

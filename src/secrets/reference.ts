import { Fault } from '../kernel/fault.ts';

/** Where a value comes from. */
export type SecretReference =
  | { readonly kind: 'plain'; readonly value: string }
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string };

/**
 * Reads `env:NAME` and `file:/absolute/path`; any other text is a plain value. A text that begins like a reference
 * and is none is refused, or a slip would send the reference itself as the credential. Throws Fault `invalid_input`.
 */
export function parseReference(text: string): SecretReference {
  if (text.startsWith('env:')) {
    const name = text.slice('env:'.length);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw new Fault('invalid_input', `The secret reference ${text} does not name an environment variable.`);
    }
    return { kind: 'env', name };
  }
  if (text.startsWith('file:')) {
    const path = text.slice('file:'.length);
    if (!/^(\/(?!\/)|[A-Za-z]:\\)/.test(path) || path.includes('\0')) {
      throw new Fault(
        'invalid_input',
        `The secret reference ${text} does not give an absolute path; write file:/path.`,
      );
    }
    return { kind: 'file', path };
  }
  return { kind: 'plain', value: text };
}

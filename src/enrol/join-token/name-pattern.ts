import { Fault } from '../../kernel/fault.ts';
import { namePattern } from '../../x509/leaf-profile.ts';

/** The names of a batch token: one `*` stands for at least one character of a name. Throws Fault `invalid_input`. */
export function checkNamePattern(pattern: string): void {
  const parts = pattern.split('*');
  if (parts.length === 2 && namePattern.test(parts.join('x'))) return;
  throw new Fault(
    'invalid_input',
    `${JSON.stringify(pattern)} is no pattern of names: write a name with one *, such as runner-*.`,
  );
}

/** Whether a name is one of the pattern's. */
export function matchesNames(pattern: string, name: string): boolean {
  const [before = '', after = ''] = pattern.split('*');
  return (
    name.length > before.length + after.length &&
    name.startsWith(before) &&
    name.endsWith(after) &&
    namePattern.test(name)
  );
}

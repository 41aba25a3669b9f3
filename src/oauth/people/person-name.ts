import { Fault } from '../../kernel/fault.ts';

/**
 * A name as owners of agents and logins at providers are written: an address or a user name in lower case. Throws Fault
 * `invalid_input`.
 */
export function personName(text: string): string {
  if (/^[\x21-\x7e]{1,200}$/.test(text) && text === text.toLowerCase()) return text;
  throw new Fault(
    'invalid_input',
    'The name of a person is 1 to 200 visible ASCII characters in lower case, such as alice@example.com.',
  );
}

import { realpath } from 'node:fs/promises';
import type { Clock } from '../kernel/clock.ts';
import { errorText, Fault } from '../kernel/fault.ts';
import { readPrivateFile } from '../kernel/durable-file.ts';
import type { Redactor } from './redact.ts';
import { parseReference, type SecretReference } from './reference.ts';

/** Turns references into values, at the moment they are needed. */
export interface SecretResolver {
  /** Throws Fault `secret_unresolved`, which names the reference and never a value, or `invalid_input`. */
  resolve(text: string): Promise<string>;
}

export interface SecretResolverOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Learns every value that is handed out. */
  readonly redactor: Redactor;
  readonly clock: Clock;
  /** How long a file's value is used before the file is read again, in milliseconds; 5,000 unless given. */
  readonly holdMilliseconds?: number;
}

const largestSecretOctets = 64 * 1024;

export function createSecretResolver(options: SecretResolverOptions): SecretResolver {
  const { environment, redactor, clock, holdMilliseconds = 5_000 } = options;
  const held = new Map<string, { readonly value: string; readonly until: number }>();
  return {
    async resolve(text) {
      const reference = parseReference(text);
      if (reference.kind === 'plain') return reference.value;
      const known = held.get(text);
      if (known && clock.monotonic() < known.until) return known.value;
      const value =
        reference.kind === 'env' ? fromEnvironment(reference, environment) : await fromFile(reference);
      redactor.learn(value);
      held.set(text, { value, until: clock.monotonic() + holdMilliseconds });
      return value;
    },
  };
}

function fromEnvironment(
  { name }: Extract<SecretReference, { kind: 'env' }>,
  environment: SecretResolverOptions['environment'],
): string {
  const value = environment[name];
  if (value === undefined || value === '') {
    throw new Fault('secret_unresolved', `env:${name}: the environment variable is not set or empty.`);
  }
  return value;
}

async function fromFile({ path }: Extract<SecretReference, { kind: 'file' }>): Promise<string> {
  try {
    // The mode that counts is that of the file a link leads to.
    const octets = await readPrivateFile(await realpath(path));
    if (octets.length > largestSecretOctets)
      throw new Error(`it is larger than ${largestSecretOctets} octets`);
    // Editors and `echo` end a file with a newline that is not part of the secret.
    const value = new TextDecoder('utf-8', { fatal: true }).decode(octets).replace(/\r?\n$/, '');
    if (value === '') throw new Error('it is empty');
    return value;
  } catch (cause) {
    throw new Fault('secret_unresolved', `file:${path}: ${errorText(cause)}`, { cause });
  }
}

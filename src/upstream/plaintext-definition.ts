import { Fault } from '../kernel/fault.ts';
import { hasSecretValue, isNamedSecret } from '../secrets/plaintext-secret.ts';
import { hasReference, parseValue } from '../secrets/reference.ts';
import type { ServerDefinition } from './server-definition.ts';

/**
 * Refuses a definition with a secret in it: it would be in the registry, its backups and its log, and in the hands of every
 * administrator. Throws Fault `invalid_input` that names the place and never the value, and says how to move it.
 */
export function refusePlaintextDefinition(definition: ServerDefinition): void {
  if (definition.transport === 'stdio') {
    refusePairs('environment', definition.environment, 'env');
    definition.command.forEach((word, at) => {
      // `--token=value` and `NAME=value` too.
      if (hasSecretValue(word) || hasSecretValue(word.slice(word.indexOf('=') + 1))) {
        throw plaintext(
          `command[${at}]`,
          'Every process of the machine can read it there; give it as a variable.',
        );
      }
    });
    return;
  }
  refusePairs('headers', definition.headers, 'header');
  if (hasSecretValue(definition.url)) {
    throw plaintext('url', 'URLs are in logs everywhere; send it as a header.');
  }
}

function refusePairs(member: string, pairs: Readonly<Record<string, string>>, flag: string): void {
  for (const [name, text] of Object.entries(pairs)) {
    const plain = parseValue(text).flatMap((part) => (part.kind === 'text' ? [part.text] : []));
    const named = isNamedSecret(name, text) && !hasReference(text);
    if (!named && !plain.some(hasSecretValue)) continue;
    const example = /^(bearer|basic) /i.test(text)
      ? `--${flag} '${name}=Bearer \${file:/run/secrets/${name.toLowerCase()}}'`
      : `--${flag} '${name}=file:/run/secrets/${name.toLowerCase()}'`;
    throw plaintext(`${member}.${name}`, `Write, for instance: ${example}`);
  }
}

function plaintext(member: string, more: string): Fault {
  return new Fault(
    'invalid_input',
    `Server definition: ${member} holds what looks like a secret in plain text. Put it in a secret store, a file with mode 0600 or the environment of the gateway, and name that place (docs/secrets.md); then change the secret. ${more}`,
  );
}

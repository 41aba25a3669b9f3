import { errorText, Fault, toFault } from '../../kernel/fault.ts';
import type { Redactor } from '../../secrets/redact.ts';
import { parseReference } from '../../secrets/reference.ts';
import type { Secrets } from '../../secrets/resolve.ts';
import type { SecretConfig } from '../config/secret-settings.ts';
import type { SecretCheck } from '../feed/secret-checks.ts';

/** Resolves a reference and forgets the value. Throws Fault `invalid_input` for what is no reference. */
export async function checkSecret(
  secrets: Secrets,
  config: SecretConfig,
  redactor: Pick<Redactor, 'redact'>,
  text: string,
): Promise<SecretCheck> {
  const reference = parseReference(text);
  if (reference.kind === 'plain') {
    throw new Fault(
      'invalid_input',
      'That is no secret reference: write vault:…, aws-sm:…, k8s:…, file:/… or env:…',
    );
  }
  const found = { reference: text, holder: holderOf(reference.kind, config) };
  try {
    await secrets.resolve(text);
    const life = secrets.lease(text);
    return { ...found, resolves: true, leaseSeconds: life === null ? null : life / 1_000, problem: null };
  } catch (error) {
    const { code } = toFault(error);
    const problem = { code, reason: redactor.redact(reasons(error).slice(0, 2_000)) };
    return { ...found, resolves: false, leaseSeconds: null, problem };
  }
}

function holderOf(kind: 'env' | 'file' | 'vault' | 'aws-sm' | 'k8s', config: SecretConfig): string {
  switch (kind) {
    case 'vault':
      return `Vault at ${config.vault.address || '(nowhere)'}, login ${config.vault.login}`;
    case 'aws-sm':
      return `AWS Secrets Manager ${config.aws.endpoint || `in ${config.aws.region || '(no region)'}`}`;
    case 'k8s':
      return `the Kubernetes API at ${config.kubernetes.address || '(nowhere)'}`;
    case 'file':
      return 'a file on the machine of the gateway';
    default:
      return 'the environment of the gateway';
  }
}

/** With everything that caused it, and nothing twice. */
function reasons(error: unknown, said = ''): string {
  const text = errorText(error);
  const sofar = said.includes(text) ? said : `${said} ${text}`.trim();
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? sofar : reasons(cause, sofar);
}

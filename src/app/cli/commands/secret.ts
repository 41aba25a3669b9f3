import { join, resolve } from 'node:path';
import { createKeyStore } from '../../../bridge/key-store.ts';
import type { FaultCode } from '../../../kernel/fault-codes.ts';
import { Fault } from '../../../kernel/fault.ts';
import { createRedactor } from '../../../secrets/redact.ts';
import { checkSecret } from '../../compose/check-secret.ts';
import { openSecrets } from '../../compose/open-secrets.ts';
import { configFlags, loadConfig } from '../../config/load-config.ts';
import type { SecretCheck } from '../../feed/secret-checks.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { administer, administrationFlags } from './administration.ts';

/** `secret check`. */
export const secretCheckCommand: Command = {
  path: ['secret', 'check'],
  summary: 'Say whether a secret reference resolves at the gateway, and never the value',
  example: 'countersign secret check vault:kv/data/github#token',
  flags: [
    {
      name: 'state',
      kind: 'text',
      placeholder: 'folder',
      meaning: 'of a gateway that runs alone: checked on its machine, with its certificate and configuration',
    },
    ...administrationFlags,
    ...configFlags,
  ],
  positionals: [
    { name: 'reference', meaning: 'the reference, as in a definition of a server', count: 'one' },
  ],
  run: check,
};

async function check(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const reference = input.word('reference');
  const state = input.text('state');
  const json =
    state === null
      ? await administer(context, input, 'secret.check', { reference })
      : { ...(await checkHere(context, input, { state: resolve(state), reference })) };
  const { resolves, holder, leaseSeconds, problem } = json as unknown as SecretCheck;
  if (!resolves) {
    throw new Fault(
      (problem?.code ?? 'secret_unresolved') as FaultCode,
      `${problem?.reason} Looked for in ${holder}.`,
    );
  }
  const lease = leaseSeconds === null ? 'It has no lease.' : `Its lease is ${leaseSeconds} s.`;
  return { text: `${reference} resolves, from ${holder}. ${lease}`, json };
}

/** As the gateway of this folder would. */
async function checkHere(
  context: CommandContext,
  input: CommandInput,
  { state, reference }: { readonly state: string; readonly reference: string },
): Promise<SecretCheck> {
  const { clock, env: environment } = context;
  const { secrets: config } = await loadConfig(context, input, state);
  const identity = await createKeyStore(join(state, 'identity'), clock).load();
  const redactor = createRedactor();
  await using secrets = openSecrets({
    config,
    environment,
    clock,
    redactor,
    identity() {
      if (identity) return identity;
      throw new Fault(
        'enrolment_needed',
        `There is no certificate in ${state}; has the gateway been started?`,
      );
    },
    tell: () => undefined,
  });
  return await checkSecret(secrets, config, redactor, reference);
}

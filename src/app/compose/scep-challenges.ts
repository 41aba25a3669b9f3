import { readFile } from 'node:fs/promises';
import { createBoundedRecord } from '../../audit/bounded-record.ts';
import { joinTokenChallenges } from '../../enrol/scep/join-token-challenges.ts';
import type { Challenges } from '../../enrol/scep/scep-parts.ts';
import { eitherChallenges, webhookChallenges } from '../../enrol/scep/webhook-challenges.ts';
import { createWebhook } from '../../http/webhook.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Redactor } from '../../secrets/redact.ts';
import { createSecretResolver } from '../../secrets/resolve.ts';
import type { Authority } from '../authority/authority.ts';
import type { ScepConfig } from '../config/scep-settings.ts';

/** Who decides about challenges: join tokens, and a webhook where one is named. Throws Fault `config_invalid`. */
export async function scepChallenges(
  { url, secret, ca: file, addresses, timeoutMilliseconds }: ScepConfig['webhook'],
  { ca, store, redactor }: Pick<Authority, 'ca' | 'store'> & { readonly redactor: Redactor },
  opened: AsyncDisposableStack,
): Promise<Challenges> {
  const { agents, audit, clock } = ca;
  const strangers = opened.use(createBoundedRecord(audit, { type: 'join-tokens.refused' }));
  const joinTokens = joinTokenChallenges({ tokens: store.joinTokens, agents, audit, clock, strangers });
  if (url === '') return joinTokens;
  const unchecked = opened.use(createBoundedRecord(audit, { type: 'scep-messages.refused' }));
  const secrets = createSecretResolver({ environment: process.env, redactor, clock });
  const webhook = opened.use(
    createWebhook({
      url,
      secret: () => secrets.resolve(secret),
      ...(file !== '' && { authorities: await readAuthorities(file) }),
      privateAddresses: addresses === 'any',
      milliseconds: timeoutMilliseconds,
      clock,
    }),
  );
  return eitherChallenges(joinTokens, webhookChallenges({ webhook, agents, audit, strangers: unchecked }));
}

async function readAuthorities(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new Fault('config_invalid', `authority.scep.webhook.ca: ${file} cannot be read.`, { cause });
  }
}

import { z } from 'zod';
import type { AuditLog } from '../../audit/log.ts';
import type { BoundedRecord } from '../../audit/bounded-record.ts';
import type { AgentStates } from '../../ca/certificate-authority.ts';
import type { Webhook } from '../../http/webhook.ts';
import { sha256Base64url } from '../../kernel/bytes.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import type { ChallengeQuestion, Challenges } from './scep-parts.ts';

/** What a webhook decides challenges with. */
export interface ChallengeWebhook {
  readonly webhook: Pick<Webhook, 'ask'>;
  readonly agents: AgentStates;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly strangers: Pick<BoundedRecord, 'record'>;
}

const names = z.array(z.string().max(253)).max(100).default([]);
const answer = z.discriminatedUnion('allow', [
  z.object({
    allow: z.literal(true),
    name: z.string().max(64).optional(),
    kind: z.enum(['agent', 'ephemeral', 'server']).default('agent'),
    owner: z.string().min(1).max(200).default('webhook'),
    dnsNames: names,
    ipAddresses: names,
  }),
  z.object({ allow: z.literal(false), reason: z.string().max(1_000).default('') }),
]);

/**
 * Asks a webhook about every challenge. What is no clear yes in time is no: no answer, one that is not signed, one that
 * cannot be read. Throws Fault `denied`.
 */
export function webhookChallenges(door: ChallengeWebhook): Challenges {
  return async (question) => {
    const { address, transactionId } = question;
    try {
      const said = await ask(question, door.webhook);
      const name = said.name ?? question.request.commonName;
      if (name === null)
        throw new Fault('denied', 'Neither the request nor whoever allows it states a name.');
      const { kind, owner, dnsNames, ipAddresses } = said;
      await door.audit.append({ type: 'scep.allowed', transactionId, name, kind, owner, address });
      return {
        evidence: { door: 'scep', name, kind, owner, dnsNames, ipAddresses, address, replaces: null },
        agents: door.agents,
        useUp: async () => undefined,
      };
    } catch (error) {
      if (error instanceof Fault && error.code === 'denied') throw error;
      await door.strangers.record({
        type: 'scep.unchecked',
        transactionId,
        address,
        reason: errorText(error),
      });
      throw new Fault('denied', 'The challenge could not be checked, so nothing is given. Try again later.', {
        cause: error,
      });
    }
  };
}

type Allowed = Extract<z.output<typeof answer>, { allow: true }>;

async function ask(question: ChallengeQuestion, webhook: Pick<Webhook, 'ask'>): Promise<Allowed> {
  const { transactionId, challenge, request, address } = question;
  const { commonName, dnsNames, ipAddresses, uris, spki } = request;
  const said = await webhook.ask({
    type: 'scep.challenge',
    transactionId,
    challenge,
    commonName,
    dnsNames,
    ipAddresses,
    uris,
    keyHash: sha256Base64url(spki),
    address,
  });
  const read = answer.safeParse(said);
  if (!read.success) throw new Fault('unavailable', 'The webhook does not say whether the challenge counts.');
  if (read.data.allow) return read.data;
  throw new Fault(
    'denied',
    `The challenge is refused${read.data.reason === '' ? '.' : `: ${read.data.reason}`}`,
  );
}

/** A challenge that has the form of a join token is one, and is shown to nobody else; any other is the webhook's. */
export function eitherChallenges(joinTokens: Challenges, webhook: Challenges): Challenges {
  return (question) => (question.challenge?.startsWith('cst_') ? joinTokens(question) : webhook(question));
}

import { z } from 'zod';

/** The settings of the SCEP door, as they are read. */
export type ScepConfig = z.output<typeof scepSettings>;

const https = /^(https:\/\/[^\s?#]+|http:\/\/(127\.0\.0\.1|localhost)(:\d+)?(\/[^\s?#]*)?)?$/;
const reference = /^(env:[A-Za-z_][A-Za-z0-9_]*|file:\/\S+)?$/;

const webhook = z
  .strictObject({
    url: z.string().regex(https, 'must be a URL of https').max(1_024).default('').meta({
      description:
        'Who is asked whether a challenge counts: the address of a webhook. Empty: nobody, and only join tokens count.',
      reason: 'A join token needs nobody else.',
    }),
    secret: z
      .string()
      .regex(reference, 'must be env:NAME or file:/path, where the secret is')
      .max(1_024)
      .default('')
      .meta({
        description: 'Where the secret is that both sign with: env:NAME or file:/path.',
        reason: 'There is no secret to begin with.',
      }),
    ca: z.string().max(1_024).default('').meta({
      description: 'A file of the only authorities that vouch for the webhook; empty: those of the system.',
      reason: 'A public service has a public certificate.',
    }),
    addresses: z.enum(['public', 'any']).default('public').meta({
      description: 'Whether the webhook may have an address that is not public: public or any.',
      reason: 'The networks of the organisation are opened by somebody who knows them.',
    }),
    timeoutMilliseconds: z.int().min(100).max(60_000).default(5_000).meta({
      description: 'How long the webhook may take, in milliseconds; then the challenge does not count.',
      reason: 'Longer than any service that works, shorter than clients wait.',
    }),
  })
  .prefault({})
  .refine(({ url, secret }) => (url === '') === (secret === ''), 'url and secret go together');

/** The settings of the SCEP door. */
export const scepSettings = z
  .strictObject({
    door: z.enum(['open', 'closed']).default('closed').meta({
      description: 'Whether the SCEP door is open, at /scep of the plain listener.',
      reason:
        'What a SCEP client sends is only as safe as an old padding of RSA, and a challenge is a shared secret; ACME and EST are better.',
    }),
    legacyCiphers: z.enum(['refused', 'accepted']).default('refused').meta({
      description: 'Whether messages may be encrypted with DES or triple DES, and signed by SHA-1.',
      reason:
        'They are broken or nearly so; some clients have nothing else, and only you know whether yours do.',
    }),
    webhook,
  })
  .prefault({});

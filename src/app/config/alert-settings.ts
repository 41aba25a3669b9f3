import { z } from 'zod';

const webhookPattern =
  /^(https:\/\/[^\s?#@]+(\?[^\s#]*)?|http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?(\/[^\s?#]*)?)?$/;

/** What the watch over ends of certificates is told. */
export interface AlertConfig {
  readonly latePercent: number;
  readonly unseenAgents: 'ignore' | 'alert';
  readonly authorityDays: number;
  readonly webhook: string;
  readonly webhookSecret: string;
  readonly webhookCa: string;
  readonly webhookAddresses: 'public' | 'any';
}

/** The settings of the watch over ends of certificates. */
export const alertSettings = z
  .strictObject({
    latePercent: z.int().min(0).max(99).default(50).meta({
      description:
        'How much of the time between the end of its renewal window and its own end has to be over before a certificate that was not renewed is alerted of, in percent.',
      reason:
        'A certificate of an hour is alerted of 13 minutes before its end, one of a day five hours before.',
    }),
    unseenAgents: z.enum(['ignore', 'alert']).default('ignore').meta({
      description:
        'Whether certificates are alerted of whose agent no gateway has admitted since its renewal window began.',
      reason: 'A job that has ended lets its certificate end; whoever still works with one will be refused.',
    }),
    authorityDays: z.int().min(1).max(3_650).default(60).meta({
      description: 'How long before its end a certificate of the authority itself is alerted of, in days.',
      reason: 'A new intermediate needs the root key, which may lie in a safe in another town.',
    }),
    webhook: z
      .string()
      .regex(webhookPattern, 'must be a URL of https, or of http on this machine')
      .max(1_000)
      .default('')
      .meta({
        description: 'The receiver that alerts are told, a URL of https; empty: nobody is told.',
        reason: 'Only you know who looks at them.',
      }),
    webhookSecret: z
      .string()
      .regex(/^((env:[A-Za-z_][A-Za-z0-9_]*|file:\/\S+))?$/, 'must be env:NAME or file:/path')
      .max(1_000)
      .default('')
      .meta({
        description:
          'Where the secret of the receiver is, as env:NAME or file:/path: whsec_ and the base64 of 24 to 64 octets.',
        reason: 'Every message is signed, so a receiver can tell it from anybody’s.',
      }),
    webhookCa: z.string().max(1_000).default('').meta({
      description:
        'A file with the only authorities that vouch for the receiver, in PEM; empty: those of the system.',
      reason: 'A receiver outside has a certificate that the system knows.',
    }),
    webhookAddresses: z.enum(['public', 'any']).default('public').meta({
      description: 'Whether the receiver may have an address that is not public.',
      reason:
        'A name that leads into the own network is a way to ask it for something; only you can say that it is meant.',
    }),
  })
  .refine((read) => read.webhook === '' || read.webhookSecret !== '', 'needs webhookSecret beside webhook')
  .prefault({});

import { z } from 'zod';
import { redisUrl } from '../../redis/redis-place.ts';

/** The memory that gateways share, as it is read. */
export type SharedMemoryConfig = z.output<typeof sharedMemorySettings>;

const file = /^(\/.*|[A-Za-z]:\\.*)?$/;
const reference = /^([a-z][a-z0-9-]*:\S+)?$/;

/** The settings of the memory that gateways share. */
export const sharedMemorySettings = z
  .strictObject({
    url: z
      .string()
      .max(300)
      .refine((url) => url === '' || redisUrl.test(url), {
        message:
          'must be rediss://host:port, or on this machine alone redis://localhost:port or unix:/path; names and passwords have settings of their own',
      })
      .default('')
      .meta({
        description:
          'The Redis or Valkey that gateways share: limits, used signatures and proofs, what agents have used. Empty: each gateway has memories of its own.',
        reason: 'One gateway needs none; only you know where yours is.',
      }),
    username: z.string().max(300).default('').meta({
      description: 'The user of its access control list; empty: default.',
      reason: 'The one that there is to begin with.',
    }),
    password: z
      .string()
      .regex(reference, 'must say where the password is, such as env:NAME, file:/path or vault:…')
      .max(1_024)
      .default('')
      .meta({
        description:
          'Where its password is, as a secret reference; read again for every connection. Empty: none is given.',
        reason: 'There is none to begin with.',
      }),
    ca: z.string().regex(file, 'must be an absolute path').max(1_024).default('').meta({
      description:
        'A file with the only authorities that vouch for it, in PEM, read again for every connection; empty: those of the system.',
      reason: 'Whoever has an authority of their own names it.',
    }),
    waitMilliseconds: z.int().min(10).max(60_000).default(250).meta({
      description:
        'How long its answer is waited for, in milliseconds; after that it counts as away until it answers again.',
      reason: 'A hundred times what it takes in one data centre; no call hangs longer on it.',
    }),
    limitsWhenAway: z.enum(['local', 'refuse']).default('local').meta({
      description:
        'While it is away: local holds every gateway to the limits by itself, so that all together let through up to as many times more as there are; refuse lets nothing in.',
      reason: 'A limit that is too wide for a while does less harm than no calls at all.',
    }),
    flowsWhenAway: z.enum(['refuse', 'local']).default('refuse').meta({
      description:
        'While it is away, and there are rules of flow: refuse lets no call in; local judges by what came by this gateway alone.',
      reason: 'An agent must not shed what it has read by going to another gateway.',
    }),
  })
  .prefault({});

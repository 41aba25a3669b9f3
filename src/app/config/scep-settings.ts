import { z } from 'zod';

/** The settings of the SCEP door, as they are read. */
export type ScepConfig = z.output<typeof scepSettings>;

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
  })
  .prefault({});

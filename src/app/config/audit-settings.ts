import { z } from 'zod';

/** How long gateways keep their logs, as it is read. */
export type AuditConfig = z.output<typeof auditSettings>;

/** The settings of the logs of gateways. */
export const auditSettings = z
  .strictObject({
    retentionDays: z.int().min(0).max(36_500).default(0).meta({
      description:
        'After how many days a whole file of the log of a gateway is removed, but for the hashes of its entries; 0 keeps it.',
      reason: 'Evidence is removed because somebody says so.',
    }),
    retentionMebibytes: z.int().min(0).max(1_073_741_824).default(0).meta({
      description:
        'How large the files of the log of a gateway may become together, in MiB, before the oldest is removed; 0 for any size.',
      reason: 'A disk that is full stops calls and is noticed; a record that is gone is not.',
    }),
    fileEntries: z.int().min(1_000).max(1_000_000).default(100_000).meta({
      description: 'How many entries one file of the log of a gateway takes.',
      reason: 'About 50 MiB: few enough files, and the least that retention removes at once.',
    }),
  })
  .prefault({});

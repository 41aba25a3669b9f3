import { z } from 'zod';

/** How long what gateways give out stays good, as it is read. */
export type SealingConfig = z.output<typeof sealingSettings>;

/** The settings of the secrets that all gateways seal sessions and handles with. */
export const sealingSettings = z
  .strictObject({
    rotateHours: z.int().min(1).max(8_760).default(24).meta({
      description:
        'How long one secret seals the ids of sessions, tasks, cursors and request states, in hours; then another does.',
      reason: 'Whoever took one from the memory of a gateway has it for a day, and for what it sealed.',
    }),
    keptHours: z.int().min(1).max(8_760).default(168).meta({
      description: 'How long what a secret sealed goes on to open after another took its place, in hours.',
      reason: 'A task or a session may last for a week; a client that comes later begins a new one.',
    }),
  })
  .prefault({});

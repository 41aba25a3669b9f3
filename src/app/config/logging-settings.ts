import { z } from 'zod';

/** How a process that serves tells what an operator should know. */
export interface LoggingConfig {
  readonly format: 'auto' | 'text' | 'journald' | 'json';
  readonly level: 'error' | 'warning' | 'notice' | 'info';
}

/** The `logging` section. */
export const loggingSettings = z
  .strictObject({
    format: z.enum(['auto', 'text', 'journald', 'json']).default('auto').meta({
      description:
        'How lines on standard error look: text for people, journald with the priority and the name of the event in front, json one object a line. auto: journald where standard error goes to the journal, else text.',
      reason: 'Right under systemd and at a terminal; who collects lines says json.',
    }),
    level: z.enum(['error', 'warning', 'notice', 'info']).default('info').meta({
      description: 'The least important lines that are written.',
      reason: 'There are few lines; what a server writes to its standard error is often why it fails.',
    }),
  })
  .prefault({});

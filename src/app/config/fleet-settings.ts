import { z } from 'zod';

/** How a gateway ends, as it is read. */
export type DrainConfig = z.output<typeof drainSettings>;

/** The settings of a gateway that ends beside others. */
export const drainSettings = z
  .strictObject({
    acceptMilliseconds: z.int().min(0).max(600_000).default(5_000).meta({
      description:
        'How long a gateway that is asked to end (SIGTERM) still takes new connections, in milliseconds; it is not ready from the beginning, and each of its answers ends its connection. Ctrl-C at a terminal does not wait.',
      reason:
        'Balancers and Kubernetes need some seconds to hear that it is leaving; a call that comes meanwhile is answered.',
    }),
    graceMilliseconds: z.int().min(0).max(3_600_000).default(20_000).meta({
      description: 'How long calls may go on after that before they are cut, in milliseconds.',
      reason: 'Both together stay below the 30 seconds that Kubernetes gives a pod to end.',
    }),
  })
  .prefault({});

/** In how many processes a gateway serves agents. */
export const workersSetting = z.int().min(0).max(256).default(1).meta({
  description: 'How many processes of a gateway share its port and its limits; 0: one for each core.',
  reason: 'One carries thousands of calls in a second; more cost memory and a log each.',
});

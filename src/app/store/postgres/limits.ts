/** How long things may take, in milliseconds. */
export const postgresLimits = {
  /** Until a connection stands and its server has answered. */
  connect: 5_000,
  /** One statement that reads; a snapshot of a large registry is one. */
  read: 30_000,
  /** One statement of a write. */
  write: 10_000,
  /** How long a write waits until the others have written. Longer than any one of them may be silent. */
  turn: 12_000,
  /** After how long the server ends a write whose authority is silent, so that the others go on. */
  silence: 5_000,
  /** How long a write goes on looking for a server after the last one was lost: a failover or a restart. */
  patience: 5_000,
  /** How often is looked for changes that nobody woke us for. */
  poll: 1_000,
  /** After how long without an answer the changes of others are not heard any more. */
  current: 3_000,
};

/** How many statements read at once. */
export const readers = 4;

/** How many writes become durable together at most: one turn is not to take long. */
export const mostTogether = 200;

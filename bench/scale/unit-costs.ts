/** What one of each costs, as a run of `npm run bench:scale` has measured it. */
export interface UnitCosts {
  readonly agents: number;
  readonly gateways: number;
  readonly servers: number;
  /** The machine, and how busy it was with other things: the mean of its load. */
  readonly machine: string;
  readonly load: number;
  readonly seconds: number;
  readonly calls: {
    readonly perSecond: number;
    readonly p50: number;
    readonly p99: number;
    readonly answered: number;
    readonly refused: number;
    readonly failed: number;
  };
  /** Processor time of a gateway for a call, in microseconds. */
  readonly callMicroseconds: number;
  /** Processor time of a gateway for a connection, handshake included, in microseconds. */
  readonly connectionMicroseconds: number;
  /** Resident memory of a gateway for an open connection, in octets. */
  readonly connectionOctets: number;
  /** Octets that the log of a gateway grows by with a call. */
  readonly logOctetsPerCall: number;
  /** Processor time of the authority to register an agent and give it its first certificate, in microseconds. */
  readonly enrolMicroseconds: number;
  /** Processor time of the authority for a renewal, connection included, in microseconds. */
  readonly renewalMicroseconds: number;
  /** Octets that the authority's log grows by with a certificate. */
  readonly logOctetsPerCertificate: number;
  /** Octets of the database, and rows in it, for an agent with its first certificate. */
  readonly storeOctetsPerAgent: number;
  readonly storeRowsPerAgent: number;
  /** Octets of a snapshot for an agent with one certificate, and milliseconds until it has come. */
  readonly snapshotOctetsPerAgent: number;
  readonly snapshotMillisecondsPerAgent: number;
  /** Octets that each gateway's feed carries for a renewal, a revocation or another small change. */
  readonly feedOctetsPerRenewal: number;
  /** What the authority keeps of a renewal: octets and rows of its store, octets of its log. */
  readonly storeOctetsPerRenewal: number;
  readonly storeRowsPerRenewal: number;
  readonly logOctetsPerRenewal: number;
  /** Resident memory of a gateway for an agent and a certificate that it knows, in octets. */
  readonly viewOctetsPerAgent: number;
  /** Octets of a CRL for a revoked certificate. */
  readonly crlOctetsPerRevoked: number;
  /** From the order to revoke to the end of the agent's connections at all gateways, in milliseconds. */
  readonly revocation: {
    readonly p50: number;
    readonly p99: number;
    readonly max: number;
    readonly count: number;
  };
}

/** Prints the costs for people. */
export function printUnitCosts(costs: UnitCosts): void {
  const { calls, revocation } = costs;
  const rows: readonly (readonly [string, number, string])[] = [
    ['calls', calls.perSecond, 'a second'],
    ['a call, p50', calls.p50, 'ms'],
    ['a call, p99', calls.p99, 'ms'],
    ['a gateway for a call', costs.callMicroseconds, 'µs of a core'],
    ['a gateway for a new connection', costs.connectionMicroseconds, 'µs of a core'],
    ['a gateway for an open connection', costs.connectionOctets, 'octets resident'],
    ['a gateway for an agent that it knows', costs.viewOctetsPerAgent, 'octets held'],
    ['its log for a call', costs.logOctetsPerCall, 'octets'],
    ['the authority to enrol an agent', costs.enrolMicroseconds, 'µs of a core'],
    ['the authority for a renewal', costs.renewalMicroseconds, 'µs of a core'],
    ['its log for a certificate', costs.logOctetsPerCertificate, 'octets'],
    ['its store for an agent with a certificate', costs.storeOctetsPerAgent, 'octets'],
    ['rows of that', costs.storeRowsPerAgent, 'rows'],
    ['a snapshot for an agent', costs.snapshotOctetsPerAgent, 'octets'],
    ['a snapshot for an agent', costs.snapshotMillisecondsPerAgent, 'ms'],
    ['the store for a renewal', costs.storeOctetsPerRenewal, 'octets'],
    ['rows of that', costs.storeRowsPerRenewal, 'rows'],
    ['the log of the authority for a renewal', costs.logOctetsPerRenewal, 'octets'],
    ['the feed of a gateway for a renewal', costs.feedOctetsPerRenewal, 'octets'],
    ['a CRL for a revoked certificate', costs.crlOctetsPerRevoked, 'octets'],
    ['a revocation everywhere, p50', revocation.p50, 'ms'],
    ['a revocation everywhere, p99', revocation.p99, 'ms'],
    [`the slowest of ${revocation.count}`, revocation.max, 'ms'],
  ];
  const lines = [
    `${costs.agents} agents, ${costs.servers} servers, ${costs.gateways} gateways; ${costs.seconds} s counted on ${costs.machine}, mean load ${costs.load.toFixed(1)}.`,
    `${calls.answered} calls answered, ${calls.refused} refused by policy, ${calls.failed} failed.`,
    '',
    '| what | costs | |',
    '|---|--:|---|',
    ...rows.map(
      ([what, cost, unit]) => `| ${what} | ${cost < 10 ? cost.toFixed(2) : cost.toFixed(0)} | ${unit} |`,
    ),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

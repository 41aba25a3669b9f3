import type { CircuitLimits } from './circuit.ts';

/** Bounds of one upstream. */
export interface UpstreamLimits {
  readonly connectMilliseconds: number;
  /** From a request to the first sign of its answer; with stdio, also between two signs. */
  readonly answerMilliseconds: number;
  /** Silence in the middle of an HTTP answer; streams that wait for news are not bounded. */
  readonly idleMilliseconds: number;
  /** One message of the server. */
  readonly messageBytes: number;
  /** Lines of a child in a row that are not MCP before it is given up. */
  readonly garbageLines: number;
  /** Octets that wait for a slow caller before its stream is cut. */
  readonly queueBytes: number;
  /** Sessions of a caller at one stdio or HTTP+SSE server, a shared child included. */
  readonly sessionsPerCaller: number;
  /** Children of one stdio server. */
  readonly children: number;
  /** Streams to one HTTP+SSE server. */
  readonly streams: number;
  /** How long a child or stream that nobody uses is kept. */
  readonly unusedMilliseconds: number;
  /** How long a child may take to end by itself once its input is closed, and again once it is told to end. */
  readonly graceMilliseconds: number;
  /** The wait after the first failed start; it doubles with each one more. */
  readonly backoffMilliseconds: number;
  readonly longestBackoffMilliseconds: number;
  /** When a server that fails is left alone. */
  readonly circuit: CircuitLimits;
  /** Finding out what a server speaks. */
  readonly probeMilliseconds: number;
  /** A whole handshake with a server. */
  readonly handshakeMilliseconds: number;
  /** How long what was found out about a server is kept at least, however it fails. */
  readonly leastVerdictMilliseconds: number;
  /** How long a call waits for what a server asked its caller. */
  readonly inputMilliseconds: number;
  /** How often one call may ask its caller for something. */
  readonly inputRounds: number;
  /** Calls of one caller that wait for its input. */
  readonly heldCallsPerCaller: number;
}

export const defaultUpstreamLimits: UpstreamLimits = {
  connectMilliseconds: 10_000,
  answerMilliseconds: 300_000,
  idleMilliseconds: 300_000,
  messageBytes: 10 * 1024 * 1024,
  garbageLines: 20,
  queueBytes: 16 * 1024 * 1024,
  sessionsPerCaller: 16,
  children: 256,
  streams: 1_024,
  unusedMilliseconds: 600_000,
  graceMilliseconds: 2_000,
  backoffMilliseconds: 250,
  longestBackoffMilliseconds: 30_000,
  circuit: { failures: 5, openMilliseconds: 1_000, longestOpenMilliseconds: 30_000 },
  probeMilliseconds: 10_000,
  handshakeMilliseconds: 30_000,
  leastVerdictMilliseconds: 1_000,
  inputMilliseconds: 600_000,
  inputRounds: 32,
  heldCallsPerCaller: 32,
};

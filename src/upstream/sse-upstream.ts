import { failureOf } from '../http/failure.ts';
import { Fault } from '../kernel/fault.ts';
import { createChannelUpstream } from './channel-upstream.ts';
import { createHttpPool } from './http-pool.ts';
import { createServerCredentials } from './credential/server-credentials.ts';
import { faultCodes, type HttpUpstreamOptions } from './http-upstream.ts';
import type { SseServerDefinition } from './server-definition.ts';
import { openSseChannel } from './sse-channel.ts';
import type { Upstream } from './upstream.ts';

/**
 * A server of the HTTP+SSE transport (MCP 2024-11-05) behind the face of Streamable HTTP: an event stream for each
 * session of each caller, with our own credentials and at the origin of its URL alone. A session ends with its stream;
 * whoever used it is told 404 and opens a new one.
 */
export function createSseUpstream(definition: SseServerDefinition, options: HttpUpstreamOptions): Upstream {
  const { name } = definition;
  const { clock, limits, log } = options;
  const credentials = createServerCredentials(definition, options);
  const pool = createHttpPool(definition, options);

  const faultOf = (error: unknown): Fault => {
    if (error instanceof Fault) return error;
    const { kind, text } = failureOf(error);
    // The authority file or our own certificate may have been put right meanwhile.
    if (kind === 'untrusted' || kind === 'unwelcome') pool.renew();
    return new Fault(faultCodes[kind], `MCP server ${name}: ${text}.`, { cause: error });
  };
  const upstream = createChannelUpstream({
    name,
    clock,
    limits,
    log,
    // Servers restart, and proxies end a stream on which nothing is said.
    mayEnd: true,
    most: { channels: limits.streams, called: ['stream', 'streams'] },
    material: null,
    start: (listeners, { caller }) =>
      openSseChannel({
        name,
        url: new URL(definition.url),
        pool: async () => await pool.current(),
        // Tokens of callers are obtained with the newest that this very caller came with.
        credentialed: (signal, call) => credentials.call({ caller, signal, subjectToken: null }, call),
        faultOf,
        limits,
        log,
        ...listeners,
      }),
  });
  return {
    ...upstream,
    async [Symbol.asyncDispose]() {
      await upstream[Symbol.asyncDispose]();
      await credentials[Symbol.asyncDispose]();
      await pool[Symbol.asyncDispose]();
    },
  };
}

import { Fault } from '../kernel/fault.ts';

const longest = 4096;

/**
 * Where messages are to be posted, as the `endpoint` event of a stream says (MCP 2024-11-05, HTTP with SSE): path and
 * query at the origin of the stream. A server that names another origin would have the gateway send credentials and
 * arguments there, or reach into the gateway's own network. Throws Fault `upstream_garbage`.
 */
export function readSseEndpoint(said: string, stream: URL): string {
  if (said.length > longest || !URL.canParse(said, stream)) {
    throw new Fault('upstream_garbage', 'The MCP server named an endpoint for messages that is no URL.');
  }
  const url = new URL(said, stream);
  if (url.origin !== stream.origin || url.username !== '' || url.password !== '') {
    throw new Fault(
      'upstream_garbage',
      `The MCP server named an endpoint for messages at another origin than its own, ${stream.origin}, and nothing is sent there.`,
    );
  }
  return url.pathname + url.search;
}

import { Agent } from 'node:https';
import { sha256Base64url } from '../../../src/kernel/bytes.ts';
import { canonicalJson } from '../../../src/kernel/canonical-json.ts';
import { post, type Presented, type RawAnswer } from '../../../tour/raw-request.ts';

/** An agent that calls the tool `echo` of one server over one connection at a time, without any code of ours. */
export interface Caller extends Disposable {
  call(message: string): Promise<RawAnswer>;
}

export function openCaller(endpoint: string, shown: Presented): Caller {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ...shown });
  let id = 0;
  return {
    call: (message) => post(endpoint, shown, agent, echoCall(message, ++id), modernHeaders),
    [Symbol.dispose]: () => agent.destroy(),
  };
}

/** The headers of a call of `echo` in the revision 2026-07-28. */
export const modernHeaders = {
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'tools/call',
  'mcp-name': 'echo',
};

/** Its body. */
export function echoCall(message: string, id = 1): object {
  return {
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: {
      name: 'echo',
      arguments: { message },
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  };
}

/** The hash by which a log names the arguments of such a call. */
export function hashOf(message: string): string {
  return sha256Base64url(canonicalJson({ message }));
}

/** Whether a call was answered by the server. */
export function isAnswered({ status, body }: RawAnswer): boolean {
  return status === 200 && !body.includes('"error"');
}

import type { Answer } from '../../http/outgoing.ts';
import { Fault } from '../../kernel/fault.ts';
import type { UpstreamRequest } from '../upstream.ts';
import type { ServerCredential } from './read-credential.ts';
import { createServerTokens, type TokenAsker } from './server-tokens.ts';
import type { SubjectTokens } from './subject-tokens.ts';
import type { TokenEndpointPorts } from './token-endpoint.ts';

/** Calls a server with tokens that are obtained for its callers. */
export interface CallersTokens extends AsyncDisposable {
  /**
   * Makes the call with a token, and once more with a new one when the server does not take it. `call` is given the value
   * of the Authorization header. Throws Fault `credential_unobtained`, and what `call` throws.
   */
  call(
    request: Pick<UpstreamRequest, 'caller' | 'signal' | 'subjectToken'>,
    call: (authorization: string) => Promise<Answer>,
  ): Promise<Answer>;
}

const largestIgnoredOctets = 64 * 1024;

export function createCallersTokens(
  credential: ServerCredential,
  ports: TokenEndpointPorts & { readonly subjects: SubjectTokens },
): CallersTokens {
  const held = createServerTokens(credential, ports);
  const askerOf = ({ caller, subjectToken }: Pick<UpstreamRequest, 'caller' | 'subjectToken'>): TokenAsker =>
    credential.kind === 'client-credentials'
      ? { caller: '', subjectToken: null }
      : { caller, subjectToken: subjectToken ?? ports.subjects.of(caller) };
  return {
    async call(request, call) {
      const asker = askerOf(request);
      for (let attempt = 0; ; attempt++) {
        const token = await held.current(asker);
        if (request.signal.aborted) throw new Fault('unavailable', 'The caller went away.');
        const answer = await call(`Bearer ${token}`);
        if (answer.status !== 401) return answer;
        held.refused(asker, token);
        if (attempt > 0) return answer;
        // RFC 6750 §3.1: nothing was done; the token may have been ended meanwhile.
        await answer.whole(largestIgnoredOctets);
      }
    },
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  };
}

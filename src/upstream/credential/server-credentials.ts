import type { Answer } from '../../http/outgoing.ts';
import type { HttpUpstreamOptions } from '../http-upstream.ts';
import type { HttpServerDefinition } from '../server-definition.ts';
import type { UpstreamRequest } from '../upstream.ts';
import { createCallersTokens } from './callers-tokens.ts';
import { createShownHeaders } from './shown-headers.ts';

type Headers = Readonly<Record<string, string>>;

/** Calls a server with everything that its definition has shown to it: headers, and tokens obtained for its callers. */
export interface ServerCredentials extends AsyncDisposable {
  /**
   * Makes the call, and once more where the server does not take a credential (401) and there is another one. `call` is given the
   * headers, or null where there are none. Throws the faults of credentials, and what `call` throws.
   */
  call(
    request: Pick<UpstreamRequest, 'caller' | 'signal' | 'subjectToken'>,
    call: (credentials: Headers | null) => Promise<Answer>,
  ): Promise<Answer>;
}

/** Credentials are chosen by the definition alone; no header of a caller can stand in for them. */
export function createServerCredentials(
  { headers, credential }: Pick<HttpServerDefinition, 'headers' | 'credential'>,
  options: HttpUpstreamOptions,
): ServerCredentials {
  const shown = Object.keys(headers).length > 0 ? createShownHeaders(headers, options.secrets) : null;
  const tokens = credential ? createCallersTokens(credential, options) : null;
  return {
    call(request, call) {
      const showing = (token: Headers | null): Promise<Answer> =>
        shown ? shown.call((own) => call(token ? { ...own, ...token } : own)) : call(token);
      return tokens ? tokens.call(request, (authorization) => showing({ authorization })) : showing(null);
    },
    async [Symbol.asyncDispose]() {
      await tokens?.[Symbol.asyncDispose]();
    },
  };
}

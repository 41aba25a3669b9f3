import {
  allowInsecureRequests,
  AuthorizationResponseError,
  customFetch,
  ResponseBodyError,
  WWWAuthenticateChallengeError,
} from 'oauth4webapi';
import { errorText, Fault } from '../../kernel/fault.ts';
import { shown } from './resource-metadata.ts';
import type { Web } from './web.ts';

/** How the library reaches the network, and whether it may speak plain HTTP; `web` decides to whom. */
export interface RequestOptions {
  readonly [customFetch]: (
    url: string,
    request: { readonly method: string; readonly headers: Record<string, string>; readonly body?: unknown },
  ) => Promise<Response>;
  readonly [allowInsecureRequests]: boolean;
}

export function requestOptions(web: Web): RequestOptions {
  return {
    [customFetch]: async (url, { method, headers, body }) => {
      const text = body instanceof URLSearchParams || typeof body === 'string' ? { body: String(body) } : {};
      const answer = await web.request({ method, url, headers, ...text });
      const octets = answer.body.length === 0 ? null : Buffer.from(answer.body);
      return new Response(octets, { status: answer.status, headers: { ...answer.headers } });
    },
    [allowInsecureRequests]: web.local,
  };
}

/**
 * What a failure at an authorization server is here. The errors of the library carry whole answers, with tokens in them: what they
 * say is kept, what they carry is not.
 */
export function signInFault(error: unknown, issuer: string): Fault {
  if (error instanceof Fault) return error;
  const place = shown(issuer);
  if (error instanceof AuthorizationResponseError || error instanceof ResponseBodyError) {
    const { error: code, error_description: more } = error;
    const why = more === undefined ? shown(code) : `${shown(code)}, ${shown(more)}`;
    return new Fault('sign_in_failed', `The authorization server ${place} gives no token: ${why}.`);
  }
  if (error instanceof WWWAuthenticateChallengeError) {
    return new Fault('sign_in_failed', `The authorization server ${place} does not take us as its client.`);
  }
  return new Fault(
    'sign_in_failed',
    `The authorization server ${place} does not answer as OAuth has it: ${shown(errorText(error))}.`,
  );
}

/** Whether an authorization server says that a grant is over (RFC 6749 §5.2). */
export function isGrantOver(error: unknown): boolean {
  return error instanceof ResponseBodyError && error.error === 'invalid_grant';
}

/** Whether an authorization server says that a scope is not to be had (RFC 6749 §5.2, §4.1.2.1); Keycloak says so in words. */
export function isScopeRefused(error: unknown): boolean {
  if (!(error instanceof ResponseBodyError)) return false;
  const { error: code, error_description: words = '' } = error;
  return code === 'invalid_scope' || (code === 'invalid_request' && /\bscopes?\b/i.test(words));
}

import type { AuthorizationServer, TokenEndpointResponse } from 'oauth4webapi';
import type { Clock } from '../../kernel/clock.ts';
import type { ClientIdentity } from './client-identity.ts';
import { isScopeRefused, type RequestOptions } from './library.ts';

/** A token that is to be asked for. */
export interface Asked {
  readonly server: AuthorizationServer;
  /** Chooses the client; with the address that the browser comes back to. */
  readonly client: (redirect: string | null) => Promise<ClientIdentity>;
  /** RFC 8707: the only place where the token is to be good. */
  readonly resource: string;
  readonly scopes: readonly string[];
  /** RFC 9470 §4. */
  readonly acrValues: string | null;
  readonly maxAge: number | null;
  readonly options: RequestOptions;
}

/** The person at the keyboard, and how long they are waited for. */
export interface Person {
  /** Of the callback; any free one unless it is given. */
  readonly port: number | null;
  readonly showPage: (url: string) => void;
  readonly showCode: (page: { readonly url: string; readonly code: string }) => void;
  readonly clock: Clock;
  /** Waits so many milliseconds. Throws the reason of the signal. */
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Ends the wait, with a Fault as its reason. */
  readonly signal: AbortSignal;
}

/** A token and the client that it was given to. */
export interface Given {
  readonly answer: TokenEndpointResponse;
  readonly identity: ClientIdentity;
}

/** The parameters that every grant has in common. */
export function commonParameters(asked: Asked): Record<string, string> {
  const { resource, scopes, acrValues, maxAge } = asked;
  return {
    resource,
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    ...(acrValues !== null && { acr_values: acrValues }),
    ...(maxAge !== null && { max_age: `${maxAge}` }),
    // OpenID Connect Core §11: a refresh token is given to whoever was asked for it.
    ...(scopes.includes('offline_access') && { prompt: 'consent' }),
  };
}

/**
 * Does what was asked for, and once more without `offline_access` where that is refused: the metadata say what the server has, and
 * not what each of its clients may have.
 */
export async function offlineIfGiven<Result>(
  parameters: Readonly<Record<string, string>>,
  ask: (parameters: Readonly<Record<string, string>>) => Promise<Result>,
): Promise<Result> {
  try {
    return await ask(parameters);
  } catch (error) {
    const scopes = parameters['scope']?.split(' ') ?? [];
    if (!isScopeRefused(error) || !scopes.includes('offline_access')) throw error;
    const { scope: _scope, prompt: _prompt, ...rest } = parameters;
    const left = scopes.filter((scope) => scope !== 'offline_access');
    return await ask({ ...rest, ...(left.length > 0 && { scope: left.join(' ') }) });
  }
}

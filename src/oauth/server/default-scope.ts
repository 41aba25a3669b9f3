import type { Exchange } from '../../http/exchange.ts';
import { withFreshLogin } from './fresh-login.ts';
import { routes } from './token-routes.ts';

/** The endpoints where a request begins that may leave its scope to us (RFC 6749 §3.3). */
const beginnings: ReadonlySet<string> = new Set([
  routes.pushed_authorization_request,
  routes.device_authorization,
]);

/** The path with its query, and the form, of a request: with the scope that it has by default when it names none, and the login that it wants fresh. */
export function withDefaultScope(
  exchange: Pick<Exchange, 'method' | 'path' | 'query'>,
  form: Uint8Array,
  scopes: readonly string[],
): { readonly url: string; readonly body: Uint8Array } {
  const { path, query } = exchange;
  const search = new URLSearchParams(query);
  if (
    path === routes.authorization &&
    exchange.method === 'GET' &&
    wantsScope(search) &&
    !search.has('request_uri')
  ) {
    search.set('scope', scopes.join(' '));
  }
  if (path === routes.authorization && !search.has('request_uri')) withFreshLogin(search);
  const url = search.size === 0 ? path : `${path}?${search.toString()}`;
  if (exchange.method !== 'POST' || form.length === 0) return { url, body: form };
  const fields = new URLSearchParams(Buffer.from(form).toString());
  const begins = beginnings.has(path) || fields.get('grant_type') === 'client_credentials';
  if (!begins) return { url, body: form };
  if (wantsScope(fields)) fields.set('scope', scopes.join(' '));
  withFreshLogin(fields);
  return { url, body: Buffer.from(fields.toString()) };
}

function wantsScope(parameters: URLSearchParams): boolean {
  return (parameters.get('scope') ?? '') === '';
}

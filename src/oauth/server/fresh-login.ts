/** What `max_age` is called beyond the door where a request does not speak OpenID Connect. */
export const freshLogin = 'fresh_login';

/**
 * RFC 9470 §4: a client may want a fresh login (`max_age`) of a certain kind (`acr_values`) whether or not it speaks OpenID Connect;
 * the engine knows them there alone. What is no number of seconds stays, for the engine to refuse.
 */
export function withFreshLogin(parameters: URLSearchParams): void {
  // Nobody else may use the name: two values would be two answers.
  parameters.delete(freshLogin);
  if ((parameters.get('scope') ?? '').split(' ').includes('openid')) return;
  // Which kinds there are is told by the tokens; none is promised (OpenID Connect Core §3.1.2.1).
  parameters.delete('acr_values');
  const [age, ...more] = parameters.getAll('max_age');
  if (age === undefined || more.length > 0 || !/^\d{1,9}$/.test(age)) return;
  parameters.delete('max_age');
  parameters.set(freshLogin, age);
}

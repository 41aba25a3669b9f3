import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type Answer, Browser, files, spiffe, type TestServer } from './server.fixture.ts';

/** The secret of a client between its request and its code (RFC 7636). */
export const verifier = 'v'.repeat(43);
export const challenge = createHash('sha256').update(verifier).digest('base64url');
export const redirect = 'http://127.0.0.1:49152/callback';

/** A request of the agent `reader` to a person. */
export const asked = {
  client_id: spiffe('reader'),
  response_type: 'code',
  redirect_uri: redirect,
  resource: files,
  scope: 'mcp mcp:write',
  state: 's',
  code_challenge: challenge,
  code_challenge_method: 'S256',
};

/** Where an answer sends the browser. */
export function locationOf({ headers, text, status }: Answer): string {
  assert.equal(status, 303, text);
  return String(headers['location']);
}

/** From the authorization endpoint to the answer of the client, as `ada` agrees. */
export async function codeFor(
  town: TestServer,
  parameters: Readonly<Record<string, string>> = asked,
  scopes?: readonly string[],
): Promise<URL> {
  const browser = new Browser();
  const begun = await town.open(`/authorize?${new URLSearchParams(parameters).toString()}`, browser);
  const place = locationOf(begun);
  const answer = town.exchange({ method: 'POST', url: place, headers: { cookie: browser.at(place) } });
  await town.server.finish(answer, {
    granted: true,
    person: 'ada',
    authenticatedAt: town.clock.now(),
    ...(scopes && { scopes }),
  });
  const resumed = await town.open(locationOf(answer.answer()), browser);
  return new URL(locationOf(resumed));
}

export function redeem(
  town: TestServer,
  code: string | null,
  more: Record<string, string> = {},
  as = 'reader',
): Promise<Answer> {
  const form = {
    grant_type: 'authorization_code',
    client_id: spiffe('reader'),
    code: code ?? '',
    redirect_uri: redirect,
    code_verifier: verifier,
  };
  return town.post('/token', { ...form, ...more }, as);
}

export function refresh(town: TestServer, token: unknown, as = 'reader', client = 'reader'): Promise<Answer> {
  const form = { grant_type: 'refresh_token', client_id: spiffe(client), refresh_token: String(token) };
  return town.post('/token', form, as);
}

/** What `ada` granted the agent `reader`. */
export async function granted(town: TestServer): Promise<Answer['json']> {
  const { status, json } = await redeem(town, (await codeFor(town)).searchParams.get('code'));
  assert.equal(status, 200, JSON.stringify(json));
  return json;
}

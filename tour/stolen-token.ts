import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Narrator } from './narrator.ts';
import { type Place, presentedFrom } from './place.ts';
import { post, postForm, type Presented, type RawAnswer, rawInitialize } from './raw-request.ts';
import { ask, type Listening } from './stage.ts';

/** An agent whose key is in wrong hands. */
export interface Thief {
  readonly serial: string;
  readonly presented: Presented;
}

/** Step: a token is used by whom it was given to, by another agent, and by somebody without a certificate. */
export async function useStolenToken(place: Place, listening: Listening, say: Narrator): Promise<Thief> {
  say.step('A stolen token is dead: it counts with the certificate that it is bound to, and with no other');
  const ca = readFileSync(join(place.data, 'root.pem'), 'utf8');
  const owner = presentedFrom(place.state, ca);
  const folder = join(place.folder, 'thief');
  const issue = ['cert', 'issue', 'thief', '--kind', 'agent', '--out', folder, '--folder', place.data];
  const { serial } = await ask<{ serial: string }>(issue);
  const thief = presentedFrom(folder, ca);

  const rules = join(place.data, 'policies', 'tokens.yaml');
  writeFileSync(rules, 'servers:\n  files: {}\n');
  const url = `${listening.agents}/mcp/files`;
  const asked = await untilRefused(url, owner);
  say.fact(`tokens.yaml names the server files; without a token: HTTP ${asked.status}`);
  say.check('the certificate alone is not enough any more', asked.status === 401);

  const token = await tokenFor('tour', url, { listening, presented: owner });
  const use = (presented: Presented): Promise<RawAnswer> => callWith(token, url, presented);
  const own = await use(owner);
  say.fact(`the agent's token with its own certificate: HTTP ${own.status}`);
  say.check('who got the token uses it', own.status === 200);
  const other = await use(thief);
  say.fact(`the same token with another agent's certificate: HTTP ${other.status} ${codeOf(other)}`);
  say.check(
    'it is worth nothing to another agent',
    other.status === 401 && codeOf(other) === 'token_invalid',
  );
  const bare = await use({ ca });
  say.fact(`the same token without a certificate: ${bare.failure ?? `HTTP ${bare.status}`}`);
  say.check('nor to somebody without a certificate', bare.status === null);
  const log = logOf(place);
  const tried = log.findLast(({ agent, code }) => agent === 'thief' && code === 'token_invalid');
  say.fact(`the log: ${tried?.type}, agent ${tried?.agent}: ${tried?.code}`);
  say.check(
    'the log says who tried, and does not hold the token',
    tried !== undefined && !JSON.stringify(log).includes(token.slice(-40)),
  );
  // Whoever goes on from here uses the server as before.
  rmSync(rules);
  return { serial, presented: thief };
}

/** The policy folder is read again within moments. */
async function untilRefused(url: string, presented: Presented): Promise<RawAnswer> {
  const began = performance.now();
  for (;;) {
    const answer = await rawInitialize(url, presented);
    if (answer.status === 401 || performance.now() - began > 5_000) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Client credentials by certificate (RFC 8705 §2.1), as any program could ask for them. */
async function tokenFor(
  agent: string,
  resource: string,
  { listening, presented }: { readonly listening: Listening; readonly presented: Presented },
): Promise<string> {
  const answer = await postForm(`${listening.authority}/token`, presented, {
    grant_type: 'client_credentials',
    client_id: `spiffe://example.internal/agent/${agent}`,
    resource,
  });
  if (answer.status !== 200) throw new Error(`no token: ${answer.failure ?? answer.body}`);
  return (JSON.parse(answer.body) as { access_token: string }).access_token;
}

function callWith(token: string, url: string, presented: Presented): Promise<RawAnswer> {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: meta } };
  return post(url, presented, false, message, {
    authorization: `Bearer ${token}`,
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/list',
  });
}

function codeOf({ body }: RawAnswer): string {
  const { error } = JSON.parse(body) as { error?: { data?: { code?: string } } };
  return error?.data?.code ?? '';
}

interface Logged {
  readonly type: string;
  readonly agent?: string;
  readonly code?: string;
}

/** What the gateway has written down, whole lines only. */
function logOf(place: Place): readonly Logged[] {
  const folder = join(place.data, 'gateway-log');
  const segments = readdirSync(folder).filter((name) => /^log-\d+\.jsonl$/.test(name));
  const lines = segments.flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1));
  return lines.map((line) => (JSON.parse(line) as { event: Logged }).event);
}

import { createLocalJWKSet, jwtVerify } from 'jose';
import { standingOf } from '../src/gateway/caller.fixture.ts';
import {
  gatewayUrl,
  mintingIssuer,
  serverRule,
  testGate,
  tokenRules,
  tokenTime,
} from '../src/gateway/token.fixture.ts';

/**
 * What a token costs a request: `npm run bench:tokens`. Cold is a token that was never seen; known is one whose signature is
 * remembered while everything else is looked at. Beside it, `jose` verifies the same tokens with the same key, which is the
 * signature and the claims alone: no binding, no ending, no scopes.
 */
const standing = await standingOf('ci-bot');
const sso = mintingIssuer();
const cnf = { 'x5t#S256': standing.caller.thumbprint };
const files = serverRule({ scopes: ['files:read'], asked: ['files:read'] });
const rules = tokenRules({ issuers: [sso.issuer], servers: new Map([['files', files]]) });
const rounds = 4_000;
const tokens = await Promise.all(
  Array.from({ length: rounds }, (_, at) => sso.token({ cnf, jti: `token-${at}` })),
);
const [first = ''] = tokens;
const { gate } = testGate(rules);
const ask = [{ method: 'tools/call', tool: 'read_file' }];

async function ours(token: string, server: string): Promise<void> {
  const headers = {
    get: (name: string) => (name === 'authorization' ? `Bearer ${token}` : null),
    entries: () => none,
  };
  const admitted = gate.admit({ headers, method: 'POST' }, standing, server);
  const grant = admitted instanceof Promise ? await admitted : admitted;
  gate.demand(grant, server, grant ? ask : []);
}
const none = [].values();

const keys = createLocalJWKSet({ keys: [sso.jwk] });
const currentDate = new Date(tokenTime);
async function joseAlone(token: string): Promise<void> {
  await jwtVerify(token, keys, {
    issuer: sso.issuer.issuer,
    audience: `${gatewayUrl}/mcp/files`,
    algorithms: ['ES256'],
    typ: 'at+jwt',
    currentDate,
  });
}

/** Microseconds of processor time for one, of all threads: other work on the machine hardly counts. */
async function microseconds(act: (at: number) => Promise<void>, times: number): Promise<number> {
  const begun = process.cpuUsage();
  for (let at = 0; at < times; at++) await act(at);
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / times;
}

const half = rounds / 2;
const at = (place: number): string => tokens[place] ?? first;
await microseconds(() => joseAlone(first), half);
const jose = await microseconds((place) => joseAlone(at(place)), half);
// The first half is for warming up: a token is cold once.
await microseconds((place) => ours(at(place), 'files'), half);
const cold = await microseconds((place) => ours(at(place + half), 'files'), half);
const known = await microseconds(() => ours(first, 'files'), 200_000);
const unwanted = await microseconds(() => ours(first, 'other'), 200_000);

const rows: readonly (readonly [string, number])[] = [
  ['jose alone: signature and claims', jose],
  ['a token never seen: everything', cold],
  ['a token whose signature is known: everything else', known],
  ['a server that wants no token', unwanted],
];
for (const [what, time] of rows) {
  process.stdout.write(
    `${time.toFixed(2).padStart(8)} µs of CPU  ${(time / jose).toFixed(3).padStart(6)} × jose  ${what}\n`,
  );
}

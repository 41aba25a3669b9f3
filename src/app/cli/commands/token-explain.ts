import type { Readable } from 'node:stream';
import type { AgentRecord } from '../../../identity/agent-record.ts';
import { identify } from '../../../identity/identify.ts';
import type { IdentityView } from '../../../identity/identity-view.ts';
import { confirmStanding, type Standing } from '../../../identity/standing.ts';
import { readTextFile } from '../../../kernel/durable-file.ts';
import { Fault } from '../../../kernel/fault.ts';
import { FetchedKeys } from '../../../oauth/keys/fetched-keys.ts';
import type { Grant } from '../../../oauth/resource/grant.ts';
import { memoryReplays } from '../../../oauth/resource/memory-replays.ts';
import { createProofNonces } from '../../../oauth/resource/proof-nonces.ts';
import { longestJwt } from '../../../oauth/resource/read-jwt.ts';
import { createTokenGate } from '../../../oauth/resource/token-gate.ts';
import { ownTokenIssuer, type TokenIssuer, type TokenRules } from '../../../oauth/resource/token-rules.ts';
import { readCertificate } from '../../../x509/certificate.ts';
import { onlySpiffeId } from '../../../x509/leaf-profile.ts';
import { decodePem } from '../../../x509/pem.ts';
import { randomBytes } from '../../../kernel/random.ts';
import { readPolicies } from '../../feed/policy-folder.ts';
import { readPolicyFiles } from '../../feed/policy-rules.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { printable } from '../format-table.ts';

/** Says what a gateway would make of a token; the token itself is shown nowhere. */
export const tokenExplainCommand: Command = {
  path: ['token', 'explain'],
  summary: 'Say whether a gateway would take a token from stdin, and why not; never shows it',
  example:
    'countersign token explain ./policies --server files --gateway https://localhost:8443 --certificate ./agent.pem',
  flags: [
    { name: 'server', kind: 'text', meaning: 'the MCP server; left out: all of them, at /mcp' },
    {
      name: 'gateway',
      kind: 'text',
      placeholder: 'url',
      meaning: 'where agents reach the gateway',
      required: true,
    },
    {
      name: 'certificate',
      kind: 'text',
      placeholder: 'file',
      meaning: 'the certificate of the agent that shows it, in PEM',
      required: true,
    },
    { name: 'role', kind: 'list', meaning: 'a role of the agent; may be repeated' },
    { name: 'tool', kind: 'text', meaning: 'a tool that is called with it' },
    {
      name: 'authority',
      kind: 'text',
      placeholder: 'url',
      meaning: 'the issuer of the tokens of your authority, whose keys are then fetched',
    },
    {
      name: 'roots',
      kind: 'text',
      placeholder: 'file',
      meaning: 'the roots that vouch for the authority, in PEM',
    },
  ],
  positionals: [{ name: 'folder', meaning: 'the folder with tokens.yaml', count: 'one' }],
  run: explain,
};

async function explain(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const server = input.text('server');
  const tool = input.text('tool');
  const rules = await rulesOf(input);
  if (server !== null && !rules.servers.has(server)) {
    const detail = `${server} wants no token: it is not in tokens.yaml, and works by certificate alone.`;
    return { text: detail, json: { accepted: true, wanted: false } };
  }
  const standing = await standingOf(context, input);
  const token = await readToken(context.stdin);
  await using keys = new FetchedKeys(context.clock);
  const gate = createTokenGate({
    rules: () => rules,
    keys,
    // Which tokens were ended is known to the gateways alone.
    ended: { isEnded: () => false },
    nonces: createProofNonces(randomBytes(32), context.clock),
    replays: memoryReplays(context.clock),
    clock: context.clock,
  });
  const headers = {
    get: (name: string) => (name === 'authorization' ? `Bearer ${token}` : null),
    entries: () => [].values(),
  };
  try {
    const grant = await gate.admit({ headers, method: 'POST' }, standing, server);
    if (server !== null) gate.demand(grant, server, tool === null ? [] : [{ method: 'tools/call', tool }]);
    return taken(grant);
  } catch (error) {
    if (!(error instanceof Fault) || error.code === 'unavailable') throw error;
    const { code, message } = error;
    return {
      text: printable(`Refused (${code}): ${message}`),
      json: { accepted: false, code, reason: message },
      exitCode: 6,
    };
  }
}

function taken(grant: Grant | null): CommandResult {
  if (!grant) return { text: 'No token is wanted here.', json: { accepted: true, wanted: false } };
  const { person, client, issuerName: issuer, binding, scopes, tokenId, grantId, acr } = grant;
  const expires = new Date(grant.expiresAt).toISOString();
  const who = person ?? `${client ?? 'a client'} by itself`;
  const lines = [
    `Taken, for ${who}: bound by ${binding}, until ${expires}.`,
    `  issuer ${issuer}, client ${client ?? '–'}, scopes ${scopes.join(' ') || '–'}`,
    '  Whether it was ended meanwhile is known to the gateways alone.',
  ];
  const json = {
    accepted: true,
    person,
    client,
    issuer,
    binding,
    scopes: [...scopes],
    tokenId,
    grantId,
    acr,
    expires,
  };
  return { text: lines.map(printable).join('\n'), json };
}

async function rulesOf(input: CommandInput): Promise<TokenRules> {
  const folder = input.word('folder');
  const files = await readPolicies(folder).catch((cause: unknown) => {
    if (cause instanceof Fault) throw cause;
    throw new Fault('not_found', `The folder ${folder} cannot be read.`, { cause });
  });
  const { tokens } = readPolicyFiles(files);
  const gateway = input.must('gateway').replace(/\/$/, '');
  if (!/^https:\/\/[^\s/?#]+$/.test(gateway)) {
    throw new Fault('usage', '--gateway is a URL of https without a path, such as https://localhost:8443.');
  }
  const authority = input.text('authority');
  const own = authority === null ? [] : [await ownIssuerAt(authority, input)];
  return { ...tokens, gateway, issuers: [...own, ...tokens.issuers] };
}

async function ownIssuerAt(issuer: string, input: CommandInput): Promise<TokenIssuer> {
  const roots = input.text('roots');
  return ownTokenIssuer(issuer, {
    kind: 'place',
    place: { url: `${issuer}/jwks`, discover: false },
    authorities: roots === null ? null : await readTextFile(roots),
    privateAddresses: true,
  });
}

/** The agent of a certificate, as if it stood: what the registry says of it is not looked at here. */
async function standingOf({ clock }: CommandContext, input: CommandInput): Promise<Standing> {
  const [der] = decodePem(await readTextFile(input.must('certificate')), 'CERTIFICATE');
  if (!der) throw new Fault('malformed_pem', 'There is no certificate in the file.');
  const { trustDomain } = onlySpiffeId(readCertificate(der));
  const caller = identify(der, { trustDomain, kinds: ['agent', 'ephemeral'] });
  const record: AgentRecord = {
    name: caller.name,
    owner: '',
    purpose: '',
    roles: [...input.list('role')],
    buildDigest: null,
    device: null,
    state: 'active',
    createdAt: 0,
    lastSeen: null,
  };
  const view: IdentityView = {
    trustDomain,
    agent: () => record,
    partner: () => null,
    serialStatus: () => 'good',
    profileOf: () => null,
    inHardware: () => false,
    fresh: () => true,
    behind: () => 0,
  };
  return confirmStanding(caller, view, clock.now());
}

async function readToken(stdin: Readable): Promise<string> {
  let text = '';
  for await (const piece of stdin) {
    text += String(piece);
    if (text.length > longestJwt + 100) throw new Fault('too_large', 'A token is at most 16 KiB.');
  }
  // As it stands in a header, or alone.
  const token = text.trim().replace(/^(authorization: *)?bearer +/i, '');
  if (/^[\w.~+/=-]+$/.test(token)) return token;
  throw new Fault('usage', 'There is no token on stdin: pipe one in, such as < token.txt.');
}

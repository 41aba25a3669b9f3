import { createHash, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mintingIssuer } from '../../src/gateway/token.fixture.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import { SeededRandom } from '../differential/seeded-random.ts';
import { openTown, type Presentable, type Town, until } from '../journeys/deployment.ts';
import { approveAll } from './approve-all.ts';
import { type Controls, flowsYaml, limitsOf, policiesOf } from './controls.ts';
import { Effects } from './effects.ts';
import type { ScriptedServer } from '../journeys/scripted-server.ts';
import { openDesk } from './desk.ts';
import { type Role, roles } from './honest-tools.ts';
import { directPassage, gatewayPassage, type Passage } from './passage.ts';
import type { Worker } from './worker.ts';
import {
  definitionsOf,
  type Guard,
  type Mischief,
  openRangeServer,
  type RangeServer,
} from './range-server.ts';

/** Five servers and an agent, with a gateway between them or without. */
export interface Stage extends AsyncDisposable {
  readonly servers: Readonly<Record<Role, RangeServer>>;
  /** A sixth server, of both eras, that gives out sessions, tasks, cursors and states. */
  readonly desk: ScriptedServer;
  /** What stands between, or null. */
  readonly gate: Gate | null;
  /** Everything is as nobody has touched it. */
  begin(random: SeededRandom): Effects;
  /** One server does what it likes from here on. */
  corrupt(role: Role, mischief: Mischief | null): void;
  /** An administrator looks at the tools of a server as they are now. */
  review(role: Role): Promise<void>;
  /** An agent that nobody has seen before. */
  agent(): Promise<Passage>;
}

/** The gateway of a stage, to those who attack it. */
export interface Gate {
  readonly town: Town;
  /** The lines of the log of the program. */
  readonly written: readonly string[];
  readonly controls: Controls;
  /** A registered agent with a certificate of its own; with the role of those who work unless told. */
  worker(role?: 'worker' | 'reader'): Promise<Worker>;
}

const sso = mintingIssuer();

export async function openStage(controls: Controls | null): Promise<Stage> {
  await using opened = new AsyncDisposableStack();
  const written: string[] = [];
  const log = (line: string): void => void written.push(line);
  const town = controls && opened.use(await openTown({ callsPerSecondPerAgent: 100_000 }, { log }));
  // Without a gateway one token of the person is good at every server, as single sign-on gives it.
  const shared = `Bearer ${randomBytes(32).toString('base64url')}`;
  const servers = {} as Record<Role, RangeServer>;
  for (const role of roles) {
    const guard = town && controls.serverCertificates ? await guardOf(town, role) : null;
    const key = town === null ? shared : `Bearer ${randomBytes(32).toString('base64url')}`;
    const effects = new Effects(new SeededRandom(0));
    servers[role] = opened.use(await openRangeServer(role, key, { effects, guard }));
  }
  const desk = opened.use(await openDesk());
  const gate = town && (await openGate({ town, written }, controls, servers));
  if (town) await town.addHttpServer('desk', desk.url);
  const changed = new Map<Role, NonNullable<Mischief['tools']>>();
  const held = opened.move();
  return {
    servers,
    desk,
    gate,
    begin(random) {
      const effects = new Effects(random);
      for (const server of Object.values(servers)) {
        Object.assign(server, { effects, mischief: null, hostile: false });
      }
      return effects;
    },
    corrupt(role, mischief) {
      if (mischief?.tools) changed.set(role, mischief.tools);
      Object.assign(servers[role], { mischief, hostile: true });
    },
    review: (role) => review(gate, role, servers[role].mischief?.tools),
    async agent() {
      if (gate === null) return directPassage(Object.values(servers));
      // What others listed before is settled, so that no late news of it holds up whoever is honest again.
      for (const [role, tools] of changed) {
        if (servers[role].mischief?.tools) continue;
        await review(gate, role, tools);
        await review(gate, role, null);
        changed.delete(role);
      }
      return await gatewayPassage(gate.town, await gate.worker());
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** Approves what a server lists now, where anything is held to it. */
async function review(gate: Gate | null, role: Role, tools: Mischief['tools'] | null): Promise<void> {
  if (!gate?.controls.pins) return;
  const honest = definitionsOf(role);
  await approveAll(gate.town, role, tools?.(honest) ?? honest);
}

/** The claim that binds a token to a certificate (RFC 8705 §3.1). */
export function boundTo(shown: Presentable): Readonly<Record<string, unknown>> {
  const { raw } = new X509Certificate(shown.cert);
  return { cnf: { 'x5t#S256': createHash('sha256').update(raw).digest('base64url') } };
}

async function openGate(
  { town, written }: Pick<Gate, 'town' | 'written'>,
  controls: Controls,
  servers: Readonly<Record<Role, RangeServer>>,
): Promise<Gate> {
  const root = join(town.data.folder, '..', 'root.pem');
  await writeFile(root, town.deployment.authority.describe().roots);
  for (const { role, url, key } of Object.values(servers)) {
    const file = join(town.data.folder, '..', `${role}.key`);
    await writeFile(file, key, { mode: 0o600 });
    const tls = controls.serverCertificates ? { tls: { authority: root, presentCertificate: true } } : {};
    const headers = { authorization: `file:${file}` };
    const tools = controls.pins ? 'approved' : 'unpinned';
    await town.addServer({ name: role, transport: 'http', era: 'modern', url, headers, tools, ...tls });
  }
  if (controls.flow) await writeFile(join(town.data.policies, 'flows.yaml'), flowsYaml);
  await town.permit(policiesOf(controls));
  await town.limit(limitsOf(controls));
  await wantTokens(town, controls);
  let workers = 0;
  const gate: Gate = {
    town,
    written,
    controls,
    async worker(role = 'worker') {
      const name = `${role}-${++workers}`;
      await town.addAgent(name, [role]);
      const shown = await town.issue(name);
      return {
        name,
        shown,
        token(claims = {}) {
          const now = Math.floor(Date.now() / 1_000);
          const binding = controls.tokens ? boundTo(shown) : {};
          const given = { ...binding, ...claims, ...(controls.tokens ? {} : { cnf: undefined }) };
          const aud = `${town.gateway.agents.url}/mcp`;
          return sso.token({ iat: now, exp: now + 300, aud, scope: 'work', ...given });
        },
      };
    },
  };
  if (controls.pins) for (const role of roles) await review(gate, role, null);
  return gate;
}

/** Every server wants a token with the scope of the work. */
async function wantTokens(town: Town, { tokens }: Controls): Promise<void> {
  const binding = tokens ? '' : 'binding: bearer, risk: a stolen token works, ';
  const rules = `issuers:
  - { name: sso, issuer: "${sso.issuer.issuer}", keys: { set: { keys: [${JSON.stringify(sso.jwk)}] } } }
servers:
${roles.map((role) => `  ${role}: { ${binding}scopes: [work] }`).join('\n')}
`;
  const before = town.gateway.view.tokenRules();
  await writeFile(join(town.data.policies, 'tokens.yaml'), rules);
  await until(() => town.gateway.view.tokenRules() !== before);
}

/** A certificate of the authority for a server on loopback. */
async function guardOf(town: Town, name: string): Promise<Guard> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const names = { dnsNames: ['localhost'], ipAddresses: [] };
  const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: name }, names));
  const order = { name, kind: 'server', csr, ...names } as const;
  const { certificate: cert, roots: ca } = await town.deployment.authority.issueFor(order, 'test');
  return { cert, ca, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
}

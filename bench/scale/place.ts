import { mkdtemp, rm } from 'node:fs/promises';
import { readdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { startOwn } from '../children.ts';
import { probeVariable } from '../soak/probe.ts';
import {
  type GatewayProcess,
  openProcessTown,
  type ProcessTown,
} from '../../test/faults/kit/process-town.ts';

/** A town of many agents, and the folder where its processes say what they hold. */
export interface ScalePlace extends AsyncDisposable {
  readonly town: ProcessTown;
  readonly gateways: readonly GatewayProcess[];
  readonly probes: string;
}

/** An authority, gateways and MCP servers named `s0`, `s1` and so on, with a tool `denied` each that policy refuses. */
export async function openScalePlace(gatewayCount: number, serverCount: number): Promise<ScalePlace> {
  await using opened = new AsyncDisposableStack();
  const probes = await mkdtemp(join(tmpdir(), 'countersign-probes-'));
  opened.defer(() => rm(probes, { recursive: true, force: true }));
  const probe = join(import.meta.dirname, '../soak/probe.ts');
  const environment = {
    NODE_OPTIONS: `--import=${pathToFileURL(probe).href}`,
    [probeVariable]: probes,
  };
  const settings = { 'authority.publicUrl': 'http://pki.example.internal' };
  const town = opened.use(await openProcessTown({ environment, settings }));
  const servers = await startOwn('scale/servers.ts', [String(serverCount)]);
  opened.defer(() => void servers.child.kill('SIGTERM'));
  const urls = JSON.parse(servers.line) as readonly string[];
  for (const [at, url] of urls.entries()) await town.addHttpServer(`s${at}`, url);
  await town.permit(scalePolicy(serverCount));
  const gateways: GatewayProcess[] = [];
  for (let at = 0; at < gatewayCount; at += 1) {
    gateways.push(await town.startGateway(`edge-${at}`, { environment }));
  }
  const held = opened.move();
  return { town, gateways, probes, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

export function scalePolicy(servers: number, mark = ''): string {
  const denials = Array.from(
    { length: servers },
    (_, at) => `forbid (principal, action == Action::"tools/call", resource == Tool::"s${at}/denied");`,
  );
  return ['permit (principal in Role::"reader", action, resource);', ...denials, `// ${mark}`].join('\n');
}

/** Octets of the files of a folder. */
export function octetsIn(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}

/** Octets and rows of a database that is in use. */
export function sizeOf(file: string): { readonly octets: number; readonly rows: number } {
  using database = new DatabaseSync(file, { readOnly: true });
  const number = (sql: string): number => Number(Object.values(database.prepare(sql).get() ?? {})[0]);
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  const rows = tables.reduce((sum, { name }) => sum + number(`SELECT count(*) FROM "${String(name)}"`), 0);
  return { octets: number('PRAGMA page_count') * number('PRAGMA page_size'), rows };
}

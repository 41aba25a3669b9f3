import { homedir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../kernel/fault.ts';
import { namePattern } from '../x509/leaf-profile.ts';
import { authorityUrls } from './authorities.ts';

/** What decides where an identity lies. */
export interface PlaceQuestion {
  readonly stateFolder: string | null;
  readonly agent: string | null;
  readonly authority: string | null;
  readonly gateway: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * The folder of one agent of one authority, in the per-user place of the system (XDG Base Directory §3 on Linux).
 * Throws Fault `usage` when the agent is not named, `invalid_input` when its name is none.
 */
export function statePlace(question: PlaceQuestion, platform: NodeJS.Platform = process.platform): string {
  const { stateFolder, agent, environment } = question;
  if (agent !== null && !namePattern.test(agent)) {
    throw new Fault('invalid_input', `${JSON.stringify(agent)} is not the name of an agent.`);
  }
  if (stateFolder !== null) return stateFolder;
  if (agent === null) {
    throw new Fault(
      'usage',
      'Say which agent this is with --agent, or where its identity lies with --state.',
    );
  }
  const [first = ''] = authorityUrls(question.authority ?? question.gateway);
  const realm = realmOf(first);
  return join(userPlace(environment, platform), 'countersign', realm, agent);
}

/** The folder for what is kept of a server that is not behind a gateway of ours. */
export function serverPlace(
  server: string,
  environment: PlaceQuestion['environment'],
  platform: NodeJS.Platform = process.platform,
): string {
  return join(userPlace(environment, platform), 'countersign', 'servers', realmOf(server));
}

function realmOf(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}_${port === '' ? '443' : port}`.replace(/[^A-Za-z0-9._-]/g, '_');
}

function userPlace(environment: PlaceQuestion['environment'], platform: NodeJS.Platform): string {
  const home = environment['HOME'] ?? homedir();
  const { XDG_STATE_HOME: state = '', LOCALAPPDATA: local = '' } = environment;
  // XDG Base Directory §2: a path that is not absolute is ignored.
  if (state.startsWith('/')) return state;
  if (platform === 'darwin') return join(home, 'Library', 'Application Support');
  if (platform === 'win32') return local === '' ? join(homedir(), 'AppData', 'Local') : local;
  return join(home, '.local', 'state');
}

import { Fault } from '../kernel/fault.ts';
import { readRoots } from './first-roots.ts';
import { connectServer } from './gateway-connection.ts';
import { defaultBridgeLimits } from './limits.ts';
import { openTokens, type SignInOptions, stopOf } from './oauth/open-tokens.ts';
import { isLoopbackName } from './oauth/web.ts';
import { withTokens } from './oauth/with-tokens.ts';
import { type FaceOptions, openFace, type RunningBridge } from './open-face.ts';
import { serverPlace } from './state-place.ts';

/** What a bridge to somebody else's MCP server needs to know; null is what the user did not say. */
export interface ServerBridgeOptions extends FaceOptions {
  /** URL of the server: https, or plain HTTP on this machine. */
  readonly server: string;
  /** PEM file of the roots that vouch for the server, instead of those of the system. */
  readonly rootsFile: string | null;
  /** Where a sign-in is kept, instead of the per-user place. */
  readonly stateFolder: string | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signIn: SignInOptions | null;
}

/**
 * Makes an MCP client beside it speak to a server that is not behind a gateway of ours: over TLS that shows no certificate, with
 * tokens as OAuth gives them. Throws Fault `invalid_input`, `malformed_pem`, `port_taken`, … before anything is asked.
 */
export async function startServerBridge(options: ServerBridgeOptions): Promise<RunningBridge> {
  const limits = { ...defaultBridgeLimits, ...options.limits };
  const { clock, log, signIn } = options;
  const server = serverUrl(options.server);
  const roots = options.rootsFile === null ? null : await readRoots(options.rootsFile);
  const around = new AsyncDisposableStack();
  const connection = connectServer({ server, roots, clock, limits, log });
  const folder = options.stateFolder ?? serverPlace(server, options.environment);
  const place = { kind: 'server', server, roots, folder, clock, log, stop: stopOf(around) } as const;
  const gateway = signIn
    ? withTokens(connection, { tokens: openTokens(signIn, place), bare: true })
    : connection;
  around.use(gateway);
  try {
    return await openFace(options, { gateway, limits, around });
  } catch (error) {
    await around.disposeAsync();
    throw error;
  }
}

/** The URL of a server, written as URLs are written. Throws Fault `invalid_input`. */
export function serverUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const plain = url?.protocol === 'http:' && isLoopbackName(url.hostname);
  if (url && (url.protocol === 'https:' || plain) && url.username === '' && url.hash === '') return url.href;
  throw new Fault(
    'invalid_input',
    '--server takes an https URL, such as https://mcp.example.com/mcp, or http on this machine.',
  );
}

import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { connectGateway } from './gateway-connection.ts';
import { startHttpFace } from './http-face.ts';
import { openIdentity } from './identity.ts';
import { type BridgeLimits, defaultBridgeLimits } from './limits.ts';
import { keepRenewed } from './renew.ts';
import { startStdioFace } from './stdio-face.ts';

/** What a bridge needs to know; null is what the user did not say. */
export interface BridgeOptions {
  /** https URL of one server's endpoint behind the gateway. */
  readonly gateway: string;
  /** https URL of the authority, for enrolment and renewal. */
  readonly authority: string | null;
  readonly agent: string | null;
  readonly joinToken: string | null;
  /** PEM file of the roots to trust. */
  readonly authorityFile: string | null;
  /** `sha256:<hex>` of the root to trust at the first start. */
  readonly rootFingerprint: string | null;
  /** Where the identity lies, instead of the per-user place. */
  readonly stateFolder: string | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly face:
    | { readonly kind: 'stdio'; readonly input: Readable; readonly output: Writable }
    | { readonly kind: 'http'; readonly port: number };
  readonly clock: Clock;
  /** Takes one line for a person. No message content and no secret ever comes here. */
  readonly log: (line: string) => void;
  readonly limits?: Partial<BridgeLimits>;
}

/** A bridge at work. */
export interface RunningBridge extends AsyncDisposable {
  readonly face: { readonly kind: 'stdio' } | { readonly kind: 'http'; readonly url: string };
  /** The exit code, once the client is gone or the bridge was disposed of. */
  readonly ended: Promise<number>;
}

/**
 * Makes an MCP client beside it speak mTLS to one server behind the gateway. Throws Fault `enrolment_needed`,
 * `invalid_input`, `usage`, `certificate_expired`, `gateway_untrusted`, `port_taken`, … before anything is opened.
 */
export async function startBridge(options: BridgeOptions): Promise<RunningBridge> {
  const limits = { ...defaultBridgeLimits, ...options.limits };
  const { clock, log } = options;
  const gatewayUrl = secureUrl(options.gateway, '--gateway');
  const authority = options.authority === null ? null : secureUrl(options.authority, '--authority');

  // 1 Who we are.
  const named = { ...options, gateway: gatewayUrl, authority };
  const identity = await openIdentity({ ...named, limits });

  // 2 The way to the gateway, with a certificate that is kept fresh.
  const gateway = connectGateway({ gateway: gatewayUrl, identity, clock, limits, log });
  const renewing =
    identity.store && authority !== null
      ? keepRenewed({
          identity,
          store: identity.store,
          authority,
          fixedRoots: options.authorityFile !== null,
          clock,
          limits,
          log,
        })
      : null;
  if (identity.store && authority === null) log(unrenewed((await identity.current()).leaf.notAfter));

  // 3 The way to the client.
  const around = new AsyncDisposableStack();
  if (renewing) around.use(renewing);
  around.use(gateway);
  try {
    return await openFace(options, { gateway, limits, around });
  } catch (error) {
    await around.disposeAsync();
    throw error;
  }
}

async function openFace(
  { face, clock, log }: BridgeOptions,
  parts: {
    readonly gateway: ReturnType<typeof connectGateway>;
    readonly limits: BridgeLimits;
    readonly around: AsyncDisposableStack;
  },
): Promise<RunningBridge> {
  const { gateway, limits, around } = parts;
  if (face.kind === 'http') {
    const running = await startHttpFace({ port: face.port, gateway, limits, clock });
    log(`The bridge listens on ${running.url}`);
    return { face: { kind: 'http', url: running.url }, ...lifeOf(running, around) };
  }
  const running = startStdioFace({ input: face.input, output: face.output, gateway, limits, log });
  return { face: { kind: 'stdio' }, ...lifeOf(running, around) };
}

/** What stands behind the face is closed when the face has ended, whoever ended it. */
function lifeOf(
  face: AsyncDisposable & { readonly ended: Promise<number> },
  around: AsyncDisposableStack,
): Omit<RunningBridge, 'face'> {
  const wait = async (): Promise<number> => {
    try {
      return await face.ended;
    } finally {
      await around.disposeAsync();
    }
  };
  const ended = wait();
  return {
    ended,
    async [Symbol.asyncDispose]() {
      await face[Symbol.asyncDispose]();
      await ended;
    },
  };
}

function secureUrl(text: string, flag: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol === 'https:' && url.username === '' && url.password === '') return url.href;
  throw new Fault(
    'invalid_input',
    `${flag} takes an https URL, such as https://gateway.example.internal:8443/mcp/files.`,
  );
}

function unrenewed(notAfter: number): string {
  return `Without --authority the certificate is not renewed; it ends at ${new Date(notAfter).toISOString()}.`;
}

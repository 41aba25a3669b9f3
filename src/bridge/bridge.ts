import { Fault } from '../kernel/fault.ts';
import { authorityUrls } from './authorities.ts';
import { connectGateway } from './gateway-connection.ts';
import { openIdentity } from './identity.ts';
import { defaultBridgeLimits } from './limits.ts';
import { openTokens, type SignInOptions, stopOf } from './oauth/open-tokens.ts';
import { withTokens } from './oauth/with-tokens.ts';
import { type FaceOptions, openFace, type RunningBridge } from './open-face.ts';
import { keepRenewed } from './renew.ts';
import { withTraces } from './with-traces.ts';
import type { Tracer } from '../telemetry/tracer.ts';

/** What a bridge needs to know; null is what the user did not say. */
export interface BridgeOptions extends FaceOptions {
  /** https URL of one server's endpoint behind the gateway. */
  readonly gateway: string;
  /** https URL of the authority, for enrolment and renewal; of several with commas between any is asked. */
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
  /** How a token is got when the server wants one; without it the server's refusal is passed on. */
  readonly signIn?: SignInOptions | null;
  /** Traces what is asked of the gateway; nothing unless given. */
  readonly tracer?: Tracer | null;
}

/**
 * Makes an MCP client beside it speak mTLS to one server behind the gateway. Throws Fault `enrolment_needed`,
 * `invalid_input`, `usage`, `certificate_expired`, `gateway_untrusted`, `port_taken`, … before anything is opened.
 */
export async function startBridge(options: BridgeOptions): Promise<RunningBridge> {
  const limits = { ...defaultBridgeLimits, ...options.limits };
  const { clock, log } = options;
  const gatewayUrl = secureUrl(options.gateway, '--gateway');
  const authority = options.authority === null ? null : secureUrls(options.authority, '--authority');

  // 1 Who we are.
  const named = { ...options, gateway: gatewayUrl, authority };
  const identity = await openIdentity({ ...named, limits });

  // 2 The way to the gateway, with a certificate that is kept fresh.
  const around = new AsyncDisposableStack();
  const connection = connectGateway({ gateway: gatewayUrl, identity, clock, limits, log });
  const folder = identity.store?.folder ?? options.stateFolder;
  const place = { server: gatewayUrl, authority, identity, folder, clock, log, stop: stopOf(around) };
  const traced = options.tracer ? withTraces(connection, options.tracer) : connection;
  const gateway = options.signIn
    ? withTokens(traced, {
        tokens: openTokens(options.signIn, { kind: 'gateway', ...place }),
        bare: false,
      })
    : traced;
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
  if (renewing) around.use(renewing);
  around.use(gateway);
  try {
    return await openFace(options, { gateway, limits, around });
  } catch (error) {
    await around.disposeAsync();
    throw error;
  }
}

/** The URLs of a list, as they are in it. */
function secureUrls(text: string, flag: string): string {
  return authorityUrls(text)
    .map((each) => secureUrl(each, flag))
    .join();
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

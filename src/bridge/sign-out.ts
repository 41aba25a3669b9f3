import type { Clock } from '../kernel/clock.ts';
import { readRoots } from './first-roots.ts';
import { createKeyStore } from './key-store.ts';
import { createSignInStore } from './oauth/sign-in-store.ts';
import { type SignedOut, signOut } from './oauth/sign-out.ts';
import { openWeb } from './oauth/web.ts';
import { serverUrl } from './server-bridge.ts';
import { serverPlace, statePlace } from './state-place.ts';

/** Which sign-in is to end; the same words as those of the bridge that made it. */
interface SignOutOptions {
  readonly stateFolder: string | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly rootsFile: string | null;
  readonly clock: Clock;
}

/** Ends a sign-in at a server of others. Throws Fault `invalid_input`, `not_found`, `state_locked`, … */
export async function signOutOfServer(
  options: SignOutOptions & { readonly server: string },
): Promise<SignedOut> {
  const server = serverUrl(options.server);
  const folder = options.stateFolder ?? serverPlace(server, options.environment);
  const roots = options.rootsFile === null ? null : await readRoots(options.rootsFile);
  const store = createSignInStore(folder, server, options.clock);
  // The user named the server, and the sign-in its issuer: that was checked when it was made.
  const issuer = (await store.read())?.issuer;
  await using web = openWeb({ server, named: issuer === undefined ? [] : [issuer], roots, own: null });
  return await signOut(store, web);
}

/** Ends a sign-in for a server behind our gateway, with the certificate of the agent. Throws what `signOutOfServer` throws. */
export async function signOutOfGateway(
  options: SignOutOptions & {
    readonly gateway: string;
    readonly authority: string | null;
    readonly agent: string | null;
  },
): Promise<SignedOut> {
  const { authority, clock } = options;
  const gateway = new URL(options.gateway).href;
  const folder = statePlace({ ...options, gateway });
  const credentials = await createKeyStore(folder, clock).load();
  const own = credentials && { credentials, authority };
  await using web = openWeb({ server: gateway, named: [], roots: null, own });
  return await signOut(createSignInStore(folder, gateway, clock), web);
}

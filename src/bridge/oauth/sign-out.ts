import { processRevocationResponse, revocationRequest } from 'oauth4webapi';
import { errorText } from '../../kernel/fault.ts';
import { asKept } from './client-identity.ts';
import { requestOptions, signInFault } from './library.ts';
import { findServer } from './server-metadata.ts';
import type { SignIn, SignInStore } from './sign-in-store.ts';
import type { Web } from './web.ts';

/** What became of a sign-in: there was none, its issuer has ended it, or it is only forgotten here, and why. */
export type SignedOut =
  | { readonly kind: 'none' }
  | { readonly kind: 'ended'; readonly issuer: string }
  | { readonly kind: 'forgotten'; readonly issuer: string; readonly why: string };

/**
 * Has the issuer end a sign-in (RFC 7009 §2) and forgets it, whatever the issuer says. A bridge that runs drops its token with its next
 * call. Throws Fault `state_locked`, `file_mode`.
 */
export async function signOut(store: SignInStore, web: Web): Promise<SignedOut> {
  await using _turn = await store.lock(AbortSignal.timeout(patience));
  const signIn = await store.read();
  await store.forget();
  if (!signIn) return { kind: 'none' };
  const { issuer } = signIn;
  try {
    return (await end(signIn, web))
      ? { kind: 'ended', issuer }
      : { kind: 'forgotten', issuer, why: 'It has no way to be told.' };
  } catch (error) {
    return { kind: 'forgotten', issuer, why: errorText(signInFault(error, issuer)) };
  }
}

const patience = 30_000;

/** false when the issuer has no endpoint for it. */
async function end({ issuer, client: kept, refreshToken }: SignIn, web: Web): Promise<boolean> {
  const server = await findServer(web, issuer);
  if (server.revocation_endpoint === undefined) return false;
  const { client, authentication } = asKept(kept);
  const options = { ...requestOptions(web), additionalParameters: { token_type_hint: 'refresh_token' } };
  await processRevocationResponse(
    await revocationRequest(server, client, authentication, refreshToken, options),
  );
  return true;
}

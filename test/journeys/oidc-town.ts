import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Provider } from 'oidc-provider';
import { Agent, fetch, type RequestInit } from 'undici';
import { encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import type { Town } from './deployment.ts';

/** Somebody at the provider. */
export interface Account {
  sub: string;
  email: string;
  email_verified: boolean;
  groups: string[];
}

/** An OpenID provider that others made, at an address of this machine. */
export interface OidcTown extends AsyncDisposable {
  readonly issuer: string;
  /** The root that vouches for its server, as PEM and as a file. */
  readonly roots: string;
  readonly rootsFile: string;
  /** By what is typed as the login; to be changed at will. */
  readonly accounts: Map<string, Account>;
}

/** Opens `oidc-provider` with a public client `countersign`, for both flows, and one for the pages of the town, with a secret. */
export async function openOidc(town: Town, folder: string): Promise<OidcTown> {
  const order = { name: 'provider', kind: 'server', dnsNames: ['localhost'], ipAddresses: [] } as const;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: 'provider' }));
  const { certificate, roots } = await town.deployment.authority.issueFor({ ...order, csr }, 'test');
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const server = createServer({ cert: certificate, key });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `https://localhost:${(server.address() as AddressInfo).port}`;
  const accounts = new Map<string, Account>();
  const provider = oidcProvider(issuer, accounts, {
    roots,
    people: town.deployment.listeners['people']?.port ?? 0,
  });
  const callback = provider.callback();
  server.on('request', (request, response) => void callback(request, response));
  const rootsFile = join(folder, 'provider.pem');
  await writeFile(rootsFile, roots);
  return {
    issuer,
    roots,
    rootsFile,
    accounts,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The secret of the client for pages. */
export const pagesSecret = 'the-secret-of-the-pages-at-the-provider';

function oidcProvider(
  issuer: string,
  accounts: ReadonlyMap<string, Account>,
  { roots, people }: { readonly roots: string; readonly people: number },
): Provider {
  const pages = `https://localhost:${people}/upstream`;
  const dispatcher = new Agent({ connect: { ca: roots } });
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  return new Provider(issuer, {
    clients: [
      {
        client_id: 'countersign',
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        redirect_uris: ['http://127.0.0.1/callback'],
        grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'],
        response_types: ['code'],
      },
      {
        client_id: 'countersign-pages',
        client_secret: pagesSecret,
        redirect_uris: [`${pages}/callback`],
        backchannel_logout_uri: `${pages}/logout`,
        backchannel_logout_session_required: true,
      },
    ],
    // Its news of a logout goes to a server that our own root vouches for.
    fetch: async (url, options) => await fetch(url, { ...(options as unknown as RequestInit), dispatcher }),
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', kid: 'one' }] },
    cookies: { keys: ['a key of tests only'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'], profile: [] },
    conformIdTokenClaims: false,
    features: {
      deviceFlow: { enabled: true },
      devInteractions: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource(ctx, form) {
          const button = '<button type="submit" name="logout" value="yes">Yes, sign me out</button>';
          ctx.body = form.replace('</form>', `${button}</form>`);
        },
      },
    },
    findAccount: (_ctx, id) => {
      const account = accounts.get(id);
      return account && { accountId: account.sub, claims: () => ({ ...account }) };
    },
    // Its accounts are known by what was typed; `sub` is theirs.
    pkce: { required: () => true },
    ttl: { Session: 3_600, Grant: 3_600, Interaction: 600, IdToken: 600, AccessToken: 600, DeviceCode: 600 },
  });
}

import {
  type AuthorizationServer,
  clientCredentialsGrantRequest,
  processClientCredentialsResponse,
} from 'oauth4webapi';
import { assertNever } from '../../kernel/assert-never.ts';
import { Fault } from '../../kernel/fault.ts';
import { isAtAuthority } from '../authorities.ts';
import type { Credentials } from '../credentials.ts';
import { type Asked, commonParameters, type Given, type Person } from './asked.ts';
import { signInByBrowser } from './by-browser.ts';
import { signInOnDevice } from './by-device.ts';
import { type ClientChoice, chooseClient } from './client-identity.ts';
import { requestOptions, signInFault } from './library.ts';
import { findResource, type ProtectedResource, shown } from './resource-metadata.ts';
import { findServer } from './server-metadata.ts';
import type { Granted, Need, TokenPorts } from './tokens.ts';
import type { Web } from './web.ts';

/** How a token is got when a server asks for one. */
export interface SignInSettings {
  /** `auto` takes the browser when there is a screen, else the device flow. `client-credentials` asks nobody. */
  readonly way: 'auto' | 'browser' | 'device' | 'client-credentials';
  readonly client: Omit<ClientChoice, 'spiffeId'>;
  /** The only authorization server that is asked; null takes the one that the server names first. */
  readonly issuer: string | null;
  /** Scopes that are asked for besides those that the server names. */
  readonly scopes: readonly string[];
}

/** Whom the bridge talks to. */
interface Parties {
  readonly server: string;
  /** Our authority, when the server is behind our gateway. */
  readonly authority: string | null;
  readonly settings: SignInSettings;
  readonly hasBrowser: boolean;
  /** A person for one sign-in, with the time that they have for it. */
  readonly person: () => Person;
}

/**
 * One sign-in: discovery (RFC 9728, RFC 8414), the client, the grant. What it throws names who said no.
 */
export function createSignIn(parties: Parties): TokenPorts['signIn'] {
  const { server: url, settings } = parties;
  return async (web, credentials, need) => {
    const resource = await resourceOf(web, parties, need);
    const issuer = chooseIssuer(resource, parties);
    const server = await findServer(web, issuer).catch((error: unknown) => {
      throw credentials ? notOurs(error, issuer, parties) : error;
    });
    const scopes = scopesFor(server, resource, need, settings);
    const options = requestOptions(web);
    const choice = { ...settings.client, spiffeId: spiffeIdAt(server, parties, credentials) };
    const asked: Asked = {
      server,
      client: (redirect) => chooseClient(server, choice, redirect, web),
      resource: resource.resource,
      scopes,
      acrValues: need.demand.acrValues,
      maxAge: need.demand.maxAge,
      options,
    };
    const given = await askFor(asked, parties);
    return { ...given, server, resource: resource.resource ?? url, scopes } satisfies Granted;
  };
}

async function resourceOf(
  web: Web,
  { server, authority }: Parties,
  { demand }: Need,
): Promise<ProtectedResource> {
  const found = await findResource(web, server, demand.metadata);
  if (found) return found;
  if (authority !== null) throw new Fault('sign_in_failed', 'The gateway has no metadata for this server.');
  // MCP 2025-03-26: without metadata of its own, a server has its authorization server at its own origin.
  return { resource: server, issuers: [new URL(server).origin], scopes: null };
}

function chooseIssuer({ issuers }: ProtectedResource, { authority, settings }: Parties): string {
  const { issuer } = settings;
  if (issuer !== null) {
    if (issuers.includes(issuer)) return issuer;
    throw new Fault(
      'sign_in_failed',
      `The server does not name the authorization server ${issuer}, but ${shown(issuers.join(', '))}.`,
    );
  }
  return issuers.find((one) => isAtAuthority(one, authority)) ?? issuers[0];
}

/** An authority that is called by another name than the one it was given looks like somebody else's. */
function notOurs(error: unknown, issuer: string, { authority }: Parties): unknown {
  if (!(error instanceof Fault) || isAtAuthority(issuer, authority)) return error;
  const ours = authority ?? 'none was given';
  const detail = `${error.message} The gateway sends us to ${shown(issuer)}, and only the authority of --authority (${ours}) sees the certificate.`;
  return new Fault(error.code, detail, { cause: error });
}

/** MCP 2026-07-28, Scope Selection Strategy; a step-up asks for what there was as well. */
function scopesFor(
  server: AuthorizationServer,
  resource: ProtectedResource,
  { demand, before }: Need,
  { scopes, way }: SignInSettings,
): readonly string[] {
  const wanted = new Set([...before, ...(demand.scopes ?? resource.scopes ?? []), ...scopes]);
  const offline = server.scopes_supported?.includes('offline_access') === true;
  if (offline && way !== 'client-credentials') wanted.add('offline_access');
  return [...wanted];
}

/** The SPIFFE ID is our name at our own authority, where the certificate proves it; anywhere else it is nobody's business. */
function spiffeIdAt(
  server: AuthorizationServer,
  { authority }: Parties,
  credentials: Credentials | null,
): string | null {
  return credentials && isAtAuthority(server.issuer, authority) ? (credentials.leaf.uris[0] ?? null) : null;
}

async function askFor(asked: Asked, { settings, hasBrowser, person }: Parties): Promise<Given> {
  const { way } = settings;
  switch (way) {
    case 'browser':
      return await signInByBrowser(asked, person());
    case 'device':
      return await signInOnDevice(asked, person());
    case 'client-credentials':
      return await asClient(asked);
    case 'auto': {
      const onDevice = !hasBrowser && asked.server.device_authorization_endpoint !== undefined;
      return onDevice ? await signInOnDevice(asked, person()) : await signInByBrowser(asked, person());
    }
    default:
      return assertNever(way);
  }
}

/** Client credentials (RFC 6749 §4.4): by certificate at our own authority and where it is shown (RFC 8705 §2.1), by secret elsewhere. */
async function asClient(asked: Asked): Promise<Given> {
  const { server, options } = asked;
  try {
    const identity = await asked.client(null);
    const { client, authentication, kept } = identity;
    if (kept.method === 'none') {
      throw new Fault(
        'sign_in_failed',
        `Without a person, the authorization server ${shown(server.issuer)} needs a client with a secret: --client-id and --client-secret-file.`,
      );
    }
    const response = await clientCredentialsGrantRequest(
      server,
      client,
      authentication,
      commonParameters(asked),
      options,
    );
    return { answer: await processClientCredentialsResponse(server, client, response), identity };
  } catch (error) {
    throw signInFault(error, server.issuer);
  }
}

import type { Adapter, Client, Grant, Interaction, Provider } from 'oidc-provider';
import type { Exchange } from '../../http/exchange.ts';
import { sha256Base64url } from '../../kernel/bytes.ts';
import { canonicalJson, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import type { AuthorizationServerOptions } from './authorization-server.ts';
import { registeredItself, registrationLives } from './dynamic-clients.ts';
import { freshLogin } from './fresh-login.ts';
import { HandedRequest, HeldResponse } from './handed-request.ts';

/** What a client asks a person for; the person answers at `/interaction/<uid>`, with the browser in which it began. */
export interface InteractionDetails {
  readonly uid: string;
  /** `login`: the client wants the person to prove anew who they are, whoever is signed in; then both are asked. */
  readonly prompt: 'login' | 'consent';
  /** The sign-in has to be no older than this, in epoch milliseconds; null when any will do. */
  readonly signedInSince: number | null;
  readonly client: {
    readonly id: string;
    /** As the client calls itself. */
    readonly name: string | null;
    /** The host whose word the client's metadata is; null for an agent of ours. */
    readonly host: string | null;
    /** Whether nobody vouches for what it says: it has registered itself. */
    readonly selfMade: boolean;
    /** Whether it proved who it is when it brought the request; otherwise anybody may have used its name. */
    readonly proven: boolean;
    /** base64url(SHA-256) of what it says of itself; null for an agent of ours. */
    readonly documentHash: string | null;
  };
  /** Where the browser is sent with the answer; null with the device flow. */
  readonly redirectUri: string | null;
  /** Whether the client wants the person to be asked although they agreed before (`prompt=consent`). */
  readonly asksAgain: boolean;
  /** How long the client can act on a yes, in seconds. */
  readonly life: number;
  readonly scopes: readonly string[];
  readonly resources: readonly string[];
  /** The SPIFFE ID of the agent that the grant would be for; null when only its certificate will tell. */
  readonly agent: string | null;
  readonly authorizationDetails: readonly JsonObject[];
}

/** What a person answered. */
export type InteractionResult =
  | {
      readonly granted: true;
      readonly person: string;
      /** When they proved who they are, in epoch milliseconds, and how. */
      readonly authenticatedAt: number;
      readonly acr?: string;
      readonly amr?: readonly string[];
      /** Those of the scopes asked for that they grant; all unless given. */
      readonly scopes?: readonly string[];
    }
  | { readonly granted: false };

/** Where the person is asked, by the uid of the interaction. */
export const interactionPath = /^\/interaction\/([A-Za-z0-9_-]{10,100})$/;

interface Parts {
  readonly engine: Provider;
  readonly options: Pick<
    AuthorizationServerOptions,
    'peopleUrl' | 'people' | 'resources' | 'clock' | 'lives'
  >;
}

/** What is asked. Throws Fault `not_found` for another browser than the one that it began in, and when it is over. */
export async function interactionDetails(exchange: Exchange, parts: Parts): Promise<InteractionDetails> {
  const { interaction } = await openInteraction(exchange, parts);
  return await read(interaction, parts);
}

/**
 * Takes the answer; the result is where the browser goes on. Throws Fault `not_found` as above, `login_refused` for a person
 * who cannot be let in or whose sign-in is too old.
 */
export async function finishInteraction(
  exchange: Exchange,
  result: InteractionResult,
  parts: Parts,
): Promise<string> {
  const { interaction, request, response } = await openInteraction(exchange, parts);
  const { engine } = parts;
  if (!result.granted) {
    const refused = { error: 'access_denied', error_description: 'the person did not agree' };
    return await engine.interactionResult(request, response, refused, { mergeWithLastSubmission: false });
  }
  const { person, authenticatedAt, acr, amr } = result;
  const { signedInSince } = await read(interaction, parts);
  if ((await parts.options.people.find(person)) === undefined) {
    throw new Fault('login_refused', `${person} cannot give an agent any rights here.`);
  }
  if (signedInSince !== null && authenticatedAt < signedInSince) {
    throw new Fault('login_refused', 'You have to sign in again for this.');
  }
  const grant = await grantOf(interaction, result, parts);
  return await engine.interactionResult(
    request,
    response,
    {
      login: {
        accountId: person,
        ts: Math.floor(authenticatedAt / 1_000),
        remember: false,
        ...(acr !== undefined && { acr }),
        ...(amr && { amr: [...amr] }),
      },
      consent: { grantId: grant },
    },
    { mergeWithLastSubmission: false },
  );
}

async function openInteraction(exchange: Exchange, { engine, options }: Parts) {
  const host = new URL(options.peopleUrl).host;
  const { path: url } = exchange;
  const request = new HandedRequest({
    exchange,
    agent: null,
    refusal: null,
    host,
    url,
    body: new Uint8Array(),
  });
  const response = new HeldResponse(request);
  request.socket.destroy();
  const uid = interactionPath.exec(url)?.[1];
  const interaction = await engine.interactionDetails(request, response).catch(() => null);
  // The cookie is of this path alone, and a uid that is not its own would be somebody else's request.
  if (!interaction || interaction.uid !== uid) {
    throw new Fault(
      'not_found',
      'This request is over, or it was begun in another browser. Begin again in the program that sent you here.',
    );
  }
  return { interaction, request, response };
}

async function read(interaction: Interaction, { engine, options }: Parts): Promise<InteractionDetails> {
  const { params, prompt, uid } = interaction;
  const client = await engine.Client.find(textOf(params['client_id']));
  if (!client) throw new Fault('not_found', 'The client of this request is gone.');
  const id = client.clientId;
  const forDevice = interaction.deviceCode !== undefined;
  const redirectUri =
    forDevice || params['redirect_uri'] === undefined ? null : textOf(params['redirect_uri']);
  const maxAge = params['max_age'] ?? params[freshLogin];
  const login = prompt.name === 'login';
  const resources = listOf(params['resource']);
  return {
    uid,
    prompt: login ? 'login' : 'consent',
    signedInSince: signedInSince(interaction, login, maxAge),
    client: {
      id,
      name: client.clientName ?? null,
      host: id.startsWith('https://') ? new URL(id).host : null,
      selfMade: registeredItself(id),
      // What it pushed (RFC 9126) or asked a device code with came over a connection with its certificate.
      proven:
        client.tokenEndpointAuthMethod !== 'none' &&
        (forDevice || (interaction as { readonly parJti?: string }).parJti !== undefined),
      documentHash: id.startsWith('https://') ? sha256Base64url(canonicalJson(documentOf(client))) : null,
    },
    redirectUri,
    asksAgain: textOf(params['prompt']).split(' ').includes('consent'),
    life: client.grantTypeAllowed('refresh_token') ? options.lives.refresh : options.lives.access,
    scopes: await scopesOf(textOf(params['scope']), resources, options),
    resources,
    agent: id.startsWith('spiffe://') ? id : null,
    authorizationDetails: JSON.parse(textOf(params['authorization_details']) || '[]') as JsonObject[],
  };
}

/** What a client says of itself, without what changes by itself. */
function documentOf(client: Client): JsonObject {
  return JSON.parse(JSON.stringify(client.metadata())) as JsonObject;
}

/** RFC 9470 §4, OpenID Connect Core §3.1.2.1: a new proof, or one that is not older than so many seconds. */
function signedInSince({ iat }: Interaction, login: boolean, maxAge: unknown): number | null {
  if (login) return iat * 1_000;
  if (maxAge === undefined || maxAge === null) return null;
  // From the request on: whoever signs in for it may take their time to read what it is about.
  return (iat - Number(maxAge)) * 1_000;
}

/** Those of the scopes asked for that there are. */
async function scopesOf(
  asked: string,
  resources: readonly string[],
  options: Parts['options'],
): Promise<readonly string[]> {
  const known = new Set(['openid', 'offline_access']);
  for (const uri of resources) {
    for (const scope of (await options.resources.find(uri))?.scopes ?? []) known.add(scope);
  }
  return asked.split(' ').filter((scope) => known.has(scope));
}

/** A grant of its own for every answer: what was agreed to once is not taken for an answer to the next question. */
async function grantOf(
  interaction: Interaction,
  result: InteractionResult & { readonly granted: true },
  parts: Parts,
): Promise<string> {
  const { scopes: asked, resources, authorizationDetails, client } = await read(interaction, parts);
  const chosen = new Set(result.scopes ?? asked);
  const grant: Grant = new parts.engine.Grant({ accountId: result.person, clientId: client.id });
  const openid = asked.filter((scope) => chosen.has(scope) && ['openid', 'offline_access'].includes(scope));
  if (openid.length > 0) grant.addOIDCScope(openid.join(' '));
  for (const uri of resources) {
    const known = new Set((await parts.options.resources.find(uri))?.scopes ?? []);
    const granted = asked.filter((scope) => chosen.has(scope) && known.has(scope));
    if (granted.length > 0) grant.addResourceScope(uri, granted.join(' '));
  }
  for (const detail of authorizationDetails) grant.addRar(detail as never);
  const known = parts.engine.Client as unknown as { readonly adapter: Adapter };
  if (client.selfMade) {
    const metadata = (await parts.engine.Client.find(client.id))?.metadata();
    if (metadata) await known.adapter.upsert(client.id, metadata, registrationLives.used);
  }
  return await grant.save();
}

function listOf(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value.map(textOf) : [textOf(value)];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

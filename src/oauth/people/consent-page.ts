import { type Html, html } from '../../http/html.ts';
import type { Person } from '../../identity/person.ts';
import type { InteractionDetails } from '../server/interactions.ts';
import type { Page } from './page.ts';
import { scopeWords, type ServerWords, toolWords } from './scope-words.ts';
import { formTarget, isLoopback, redirectPlace } from './redirect-place.ts';

/** What the page shows, beside the request itself. */
export interface ConsentView {
  readonly asked: InteractionDetails;
  readonly person: Person;
  readonly servers: readonly ServerWords[];
  /** What ties the answer to what is shown. */
  readonly key: string;
}

/** The page that asks a person whether a client may act for them. */
export function consentPage({ asked, person, servers, key }: ConsentView): Page {
  const { client, redirectUri, uid, agent } = asked;
  const name = client.name ?? client.host ?? client.id;
  const tools = servers.filter((server) => server.tools.length > 0);
  const body = html`<h1>Let ${name} act for you?</h1>
<p>You are <strong>${person.displayName ?? person.person}</strong>${person.displayName === null ? '' : ` (${person.person})`}.</p>
<dl>
${row('Who asks', whoAsks(asked))}
${row('Where the answer is sent', place(redirectUri))}
${row('To use', html`<ul>${servers.map(serverWords)}</ul>`)}
${row('What it may do', mayDo(asked, servers))}
${tools.length === 0 ? '' : row('With these tools, as far as policies let it', html`<ul>${tools.map(toolWords)}</ul>`)}
${row('Through which agent', agent === null ? html`the agent that fetches the token with its certificate` : html`<code>${agent}</code>`)}
${row('For how long', html`${lifeWords(asked.life)}, unless you or an administrator take it back`)}
</dl>
${warning(asked)}
<form method="post" action="/interaction/${uid}" class="row">
<input type="hidden" name="key" value="${key}">
<button type="submit" name="decision" value="deny">Do not allow</button>
<button class="main" type="submit" name="decision" value="allow">Allow</button>
</form>
<p class="quiet">You did not begin this yourself, just now? Then somebody wants you to say yes for them: do not allow it.</p>`;
  const formTargets = redirectUri === null ? [] : [formTarget(redirectUri)];
  return { title: `Let ${name} act for you?`, body, formTargets };
}

/** Whose word the name is. */
function whoAsks({ client }: InteractionDetails): Html {
  const name = client.name ?? client.host ?? client.id;
  if (client.selfMade)
    return html`a program that calls itself <strong>${name}</strong>; nobody vouches for that`;
  return html`${name}, says <code>${client.host ?? client.id}</code>`;
}

function row(title: string, value: Html): Html {
  return html`<dt>${title}</dt><dd>${value}</dd>`;
}

function place(redirectUri: string | null): Html {
  if (redirectUri === null) return html`to the device that showed you a code`;
  const shown = html`<code>${redirectPlace(redirectUri)}</code>`;
  return isLoopback(redirectUri) ? html`to a program on this computer (${shown})` : shown;
}

function serverWords({ name, description }: ServerWords): Html {
  return html`<li><strong>${name}</strong>${description === null ? '' : `: ${description}`}</li>`;
}

function mayDo({ scopes, authorizationDetails }: InteractionDetails, servers: readonly ServerWords[]): Html {
  const details = authorizationDetails.map((detail) => html`<li><code>${JSON.stringify(detail)}</code></li>`);
  return html`<ul>${scopes.map((scope) => html`<li>${scopeWords(scope, servers)}</li>`)}${details}</ul>`;
}

/** What a page warns of where the client can be anybody (MCP 2026-07-28, authorization; RFC 8252 §8.6; RFC 8628 §5.4). */
function warning({ redirectUri, client }: InteractionDetails): Html {
  if (redirectUri === null) {
    return html`<p class="warning"><strong>Only if the code was on a screen of your own.</strong> Whoever sent you a code gets what you allow
here.</p>`;
  }
  if (client.proven || (redirectUri.startsWith('https://') && !isLoopback(redirectUri))) return html``;
  return html`<p class="warning"><strong>Any program on this computer can call itself by this name.</strong> Allow it only if you started it
yourself just now.</p>`;
}

function lifeWords(seconds: number): string {
  if (seconds < 7_200) return `${Math.ceil(seconds / 60)} minutes`;
  const days = Math.round(seconds / 86_400);
  return days < 2 ? `${Math.round(seconds / 3_600)} hours` : `${days} days`;
}

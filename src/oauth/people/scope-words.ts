import { assertNever } from '../../kernel/assert-never.ts';
import { type Html, html } from '../../http/html.ts';

/** What a server wants a scope for. */
export interface ScopeNeed {
  readonly scope: string;
  /** Every request; some tools by name or beginning and `*`; or what some methods are about. */
  readonly what:
    | { readonly kind: 'everything' }
    | { readonly kind: 'tools'; readonly names: readonly string[] }
    | { readonly kind: 'methods'; readonly names: readonly string[] };
}

/** The server that a token is for, as people know it. */
export interface ServerWords {
  readonly name: string;
  readonly description: string | null;
  readonly needs: readonly ScopeNeed[];
  /** The tools that the client could use with the scopes, as far as they are known. */
  readonly tools: readonly string[];
}

const words: Readonly<Record<string, string>> = {
  openid: 'know who you are: your name here, and nothing else about you',
  offline_access: 'stay connected while you are away',
  mcp: 'call its tools and read what it offers, as far as the policies of your organisation let it',
};

/** What a client can do with a scope, in words; the scope itself stands beside them where it is one of the organisation's own. */
export function scopeWords(scope: string, servers: readonly ServerWords[]): Html {
  const known = Object.hasOwn(words, scope) ? words[scope] : undefined;
  const uses = servers.flatMap(({ name, needs }) =>
    needs.filter((need) => need.scope === scope).map((need) => needWords(name, need)),
  );
  if (known !== undefined) return html`${known}`;
  if (uses.length === 0) return html`what <code>${scope}</code> is for; none of these servers asks for it`;
  return html`${[...new Set(uses)].join('; ')} (<code>${scope}</code>)`;
}

function needWords(server: string, { what }: ScopeNeed): string {
  switch (what.kind) {
    case 'everything':
      return `use ${server} at all: every request there needs this`;
    case 'tools':
      return `use ${what.names.join(', ')} of ${server}`;
    case 'methods':
      return `ask ${server} for ${what.names.join(', ')}`;
    default:
      return assertNever(what);
  }
}

const mostShown = 40;

/** The tools of a server, for a person to look over. */
export function toolWords({ name, tools }: ServerWords): Html {
  const more = tools.length - mostShown;
  const shown = tools.slice(0, mostShown).map((tool) => html` <code>${tool}</code>`);
  return html`<li>${name}:${shown}${more > 0 ? html` and ${String(more)} more` : ''}</li>`;
}

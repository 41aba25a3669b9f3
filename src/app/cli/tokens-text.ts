import type { FileTokenRules, ServerTokenRule } from '../../oauth/resource/token-rules.ts';
import { fitsDemand } from '../../oauth/resource/check-demands.ts';
import type { Question } from '../../policy/question.ts';

/** What `policy check` shows of a server that wants tokens. */
export interface TokenRow {
  readonly [column: string]: string;
}

export function tokenRows({ servers }: FileTokenRules): readonly TokenRow[] {
  return [...servers].map(([server, rule]) => ({
    'wants a token': server,
    bound: [...rule.bindings].join(' or '),
    of: rule.issuers ? [...rule.issuers].join(', ') : 'any issuer',
    needs: needsText(rule),
  }));
}

function needsText({ scopes, demands }: ServerTokenRule): string {
  const more = demands.length === 1 ? 'more for some calls' : `more for ${demands.length} kinds of calls`;
  return [...(scopes.length > 0 ? [scopes.join(' ')] : []), ...(demands.length > 0 ? [more] : [])].join('; ');
}

/** What the token of a request would have to have, for `policy explain`; null where its server wants none. */
export function tokenText({ servers }: FileTokenRules, { server, action, target }: Question): string | null {
  const rule = servers.get(server);
  if (!rule) return null;
  const ask = {
    method: action,
    tool: action === 'tools/call' && target.kind === 'tool' ? target.name : null,
  };
  const demands = rule.demands.filter((demand) => fitsDemand(demand, ask));
  const scopes = [...new Set([...rule.scopes, ...demands.flatMap((demand) => demand.scopes)])];
  const logins = demands.flatMap(({ acr, maxAge }) => [
    ...(acr ? [`a login of the kind ${acr.join(' or ')}`] : []),
    ...(maxAge === null ? [] : [`a login of the last ${maxAge / 1_000} s`]),
  ]);
  const needed = [...(scopes.length > 0 ? [`the scopes ${scopes.join(' ')}`] : []), ...logins];
  const withWhat = needed.length === 0 ? '' : `, with ${needed.join(', ')}`;
  return `  tokens.yaml wants a token besides: bound ${[...rule.bindings].join(' or ')}${withWhat}.`;
}

import type { Presentable } from '../../journeys/deployment.ts';
import { mutualFetch } from '../../journeys/mcp-clients.ts';
import type { Effects } from '../effects.ts';
import { crownCalls, type Role, roles } from '../honest-tools.ts';
import { over } from '../passage.ts';
import type { Stage } from '../stage.ts';

/** What somebody calls with: where, as whom, and with which words in `authorization`. */
export interface Presented {
  readonly url: string;
  /** A certificate with its key, only whom to trust, or nothing at all. */
  readonly shown: Presentable | Pick<Presentable, 'ca'> | null;
  readonly authorization: string | null;
}

/** Reads what is private at a server; whether it worked is seen at the server alone. */
export async function steal(
  { url, shown, authorization }: Presented,
  exposed: string,
  role: Role,
): Promise<void> {
  const crown = crownCalls[role] ?? { tool: 'fetch', arguments: { url: 'https://docs.example/stolen' } };
  const name = exposed === '' ? crown.tool : `${exposed}${crown.tool}`;
  // A client without a certificate of its own only knows whom to trust.
  const secured = shown && mutualFetch(shown as Presentable);
  try {
    await over(secured ?? fetch, url, authorization)('tools/call', { name, arguments: crown.arguments });
  } catch {
    // A connection that is refused is an attack that failed; the effects say so.
  } finally {
    await secured?.[Symbol.asyncDispose]();
  }
}

const credential = /Bearer [\w.~+/-]+=*/g;
const mostTried = 4;

/**
 * Whoever has read a text tries every credential in it, at every server and at the gateway. True when a server did
 * something for it; `except` is the server that belongs to the thief.
 */
export async function replay(
  stage: Stage,
  effects: Effects,
  text: string,
  except: Role | null,
): Promise<boolean> {
  const found = [...new Set(text.match(credential))].slice(0, mostTried);
  const { gate, servers } = stage;
  const thief = gate && (await gate.worker());
  const before = effects.done.length;
  for (const authorization of found) {
    for (const role of roles.filter((one) => one !== except)) {
      await steal({ url: servers[role].url, shown: thief && thief.shown, authorization }, '', role);
      if (!gate || !thief) continue;
      const url = `${gate.town.gateway.agents.url}/mcp`;
      await steal({ url, shown: thief.shown, authorization }, `${role}__`, role);
    }
  }
  return effects.done.length > before;
}

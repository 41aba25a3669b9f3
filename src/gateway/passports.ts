import type { Standing } from '../identity/standing.ts';
import { isJsonObject, type Json } from '../kernel/canonical-json.ts';
import type { Inbound, Message } from '../mcp/message.ts';
import { intentMeta } from '../oauth/agent-passport/intent.ts';
import type { Passport, PassportGate } from '../oauth/agent-passport/passport-gate.ts';
import type { Passports } from './authorize.ts';

/** Checks the intent of every call of a tool in a body. Throws Fault `passport_required`, `passport_refused` or `unavailable`. */
export async function passportsOf(
  inbound: Inbound | null,
  server: string,
  { agent, caller }: Standing,
  gate: PassportGate,
): Promise<Passports> {
  const passports = new Map<Message, Passport>();
  for (const message of inbound?.messages ?? []) {
    if (message.kind !== 'request' || message.target.kind !== 'tool') continue;
    const call = {
      server,
      tool: message.target.name,
      arguments: message.arguments,
      intent: intentOf(message),
      agent: agent?.name ?? caller.name,
    };
    passports.set(message, await gate.admit(call));
  }
  return passports;
}

function intentOf({ params }: Message): Json | undefined {
  const meta = params['_meta'];
  return isJsonObject(meta) ? meta[intentMeta] : undefined;
}

import { Fault } from '../../src/kernel/fault.ts';
import type { JsonObject } from '../../src/kernel/canonical-json.ts';
import { readToolDefinition } from '../../src/mcp/tool-definition.ts';
import { type Town, until } from '../journeys/deployment.ts';
import type { Json } from './range-server.ts';

/**
 * An administrator who believes what they read approves the tools of a server as they are, beside what was approved before. Only
 * what deceives by its name is refused, because the authority lets nobody approve it unseen. It is told what the gateway would tell it within a second.
 */
export async function approveAll(town: Town, server: string, definitions: readonly Json[]): Promise<void> {
  const { tools } = town.deployment.authority;
  const listed = definitions
    .map((definition) => readToolDefinition(definition as JsonObject))
    .filter((definition) => definition !== null);
  for (const { name: tool, hash, text } of listed) {
    let outcome: string | null = 'conflict';
    // What the gateway saw before may be told in between, and be what was seen last.
    for (let attempt = 0; outcome === 'conflict' && attempt < 10; attempt++) {
      await tools.heard('range', [{ server, definitions: [text], whole: false }]);
      outcome = await codeOf(tools.approve({ server, tool, hash, beside: true, sameName: false }, 'range'));
    }
    if (outcome === 'name_refused') {
      await tools.refuse({ server, tool }, 'its name deceives', 'range');
      continue;
    }
    if (outcome !== null) throw new Error(`${tool} of ${server} could not be approved: ${outcome}`);
    await until(() => town.gateway.view.pins.find(server, tool)?.hashes[0] === hash);
  }
}

/** The code of the fault that something ends with, or null. */
async function codeOf(act: Promise<unknown>): Promise<string | null> {
  try {
    await act;
    return null;
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
}

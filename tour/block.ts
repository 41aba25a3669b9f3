import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { type AgentPlace, type BridgeStart, bridgeTo } from './agent.ts';
import type { Narrator } from './narrator.ts';

/** What a client's configuration takes, as JSON. */
export function mcpServersBlock(agent: AgentPlace): string {
  const servers = ['everything', 'files'].map((server) => [server, bridgeTo(server, agent)]);
  return JSON.stringify({ mcpServers: Object.fromEntries(servers) }, null, 2);
}

/** Step: a client that knows nothing but the block, as most clients are made today, with the SDK of the old era. */
export async function useBlock(agent: AgentPlace, say: Narrator): Promise<void> {
  say.step('A client of your own: the mcpServers block, read by the SDK 1.x');
  const { mcpServers } = JSON.parse(mcpServersBlock(agent)) as { mcpServers: Record<string, BridgeStart> };
  for (const [name, start] of Object.entries(mcpServers)) {
    const client = new Client({ name: 'a-client', version: '1.0.0' });
    await client.connect(new StdioClientTransport({ ...start, stderr: 'inherit' }));
    const { tools } = await client.listTools();
    say.fact(`${name}: ${tools.map((tool) => tool.name).join(', ')}`);
    say.check(`${name} is reached`, tools.length > 0);
    await client.close();
  }
}

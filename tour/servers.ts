import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

/** How the two MCP servers from npm are started. */
export function everythingCommand(): readonly string[] {
  return [process.execPath, programOf('@modelcontextprotocol/server-everything'), 'stdio'];
}

export function filesystemCommand(folder: string): readonly string[] {
  return [process.execPath, programOf('@modelcontextprotocol/server-filesystem'), folder];
}

function programOf(name: string): string {
  const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: Record<string, string> };
  return join(dirname(manifest), Object.values(bin)[0] ?? '');
}

/** What a server offers to whoever starts it without a gateway: the names of its tools. */
export async function toolsWithoutGateway(command: readonly string[]): Promise<readonly string[]> {
  const [program = '', ...args] = command;
  const client = new Client({ name: 'tour', version: '1.0.0' });
  await client.connect(new StdioClientTransport({ command: program, args, stderr: 'ignore' }));
  try {
    return namesOf(await client.listTools());
  } finally {
    await client.close();
  }
}

/** Sorted. */
export function namesOf({
  tools,
}: {
  readonly tools: readonly { readonly name: string }[];
}): readonly string[] {
  return tools.map(({ name }) => name).sort();
}

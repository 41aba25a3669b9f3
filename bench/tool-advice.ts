import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { tmpdir } from 'node:os';
import { inspectTool } from '../src/app/tools/inspect-tool.ts';
import type { JsonObject } from '../src/kernel/canonical-json.ts';
import { everythingCommand, filesystemCommand } from '../tour/servers.ts';
import { otherTools, type Specimen, specimens } from './tool-advice-corpus.ts';

/** Precision and recall of the advice about definitions, on a generated corpus and on the tools of two real servers. */
const real = [...(await toolsOf(everythingCommand())), ...(await toolsOf(filesystemCommand(tmpdir())))];
const all: readonly Specimen[] = specimens();
const began = performance.now();
print(
  'phrasings that rules were written against',
  all.filter(({ heldOut }) => !heldOut),
);
print(
  'phrasings that were held out',
  all.filter(({ heldOut }) => heldOut),
);
const milliseconds = (performance.now() - began) / all.length;
const flagged = real.filter((tool) => errorsIn(tool).length > 0);
const noted = real.filter((tool) => inspectTool(tool, 'here', otherTools).length > 0);
process.stdout.write(
  `real servers: ${flagged.length} of ${real.length} tools with an E or H code (${flagged.map(({ name }) => name as string).join(', ')}), ${noted.length} with any\n`,
);
process.stdout.write(`${(milliseconds * 1_000).toFixed(0)} µs a definition\n`);

function print(heading: string, of: readonly Specimen[]): void {
  const harmless = of.filter(({ code }) => code === null);
  const wrong = harmless.filter(({ tool }) => errorsIn(tool).length > 0).length;
  const poisoned = of.filter(({ code }) => code !== null);
  const found = poisoned.filter(({ tool }) => errorsIn(tool).length > 0).length;
  process.stdout.write(`${heading}: ${poisoned.length} poisoned, ${harmless.length} harmless\n`);
  process.stdout.write(
    `  precision ${share(found, found + wrong)}  recall ${share(found, poisoned.length)}  false ${share(wrong, harmless.length)}\n`,
  );
  for (const wanted of ['E001', 'E002', 'E003', 'H001'] as const) {
    const own = poisoned.filter(({ code }) => code === wanted);
    const any = own.filter(({ tool }) => errorsIn(tool).length > 0).length;
    const same = own.filter(({ tool }) => errorsIn(tool).some((code) => code === wanted)).length;
    process.stdout.write(
      `  ${wanted}: recall ${share(any, own.length)}, with this code ${share(same, own.length)}\n`,
    );
  }
}

/** W001 is a hint and counts for nothing here. */
function errorsIn(tool: JsonObject): readonly string[] {
  return inspectTool(tool, 'here', otherTools).flatMap(({ code }) => (code === 'W001' ? [] : [code]));
}

/** With the Wilson interval of 95 %. */
function share(part: number, whole: number): string {
  if (whole === 0) return 'none';
  const z = 1.96;
  const p = part / whole;
  const middle = (p + (z * z) / (2 * whole)) / (1 + (z * z) / whole);
  const half = (z * Math.sqrt((p * (1 - p)) / whole + (z * z) / (4 * whole * whole))) / (1 + (z * z) / whole);
  const percent = (value: number): string => (value * 100).toFixed(1);
  return `${percent(p)} % (${percent(middle - half)}–${percent(middle + half)})`;
}

async function toolsOf([command = '', ...args]: readonly string[]): Promise<readonly JsonObject[]> {
  const client = new Client({ name: 'bench', version: '1' });
  await client.connect(new StdioClientTransport({ command, args: [...args], stderr: 'ignore' }));
  const { tools } = await client.listTools();
  await client.close();
  return tools as unknown as readonly JsonObject[];
}

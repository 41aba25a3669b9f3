import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Json } from '../../../kernel/canonical-json.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';

/** `demo attacks`: the attack range, on this machine and on loopback only. */
export const demoAttacksCommand: Command = {
  path: ['demo', 'attacks'],
  summary: 'Attack servers with no gateway, and again with one, and say what came of it',
  example: 'countersign demo attacks',
  flags: [
    { name: 'whole', kind: 'switch', meaning: 'every attempt of the published page; takes half an hour' },
  ],
  positionals: [],
  run: attack,
};

/** Beside the program as it ships, and in its sources. */
const places = ['demo-attacks.js', '../../../../test/range/attacks.ts'];

async function attack(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const range = places.map((place) => join(import.meta.dirname, place)).find((file) => existsSync(file));
  if (range === undefined) {
    throw new Fault(
      'not_found',
      'The attack range did not come with this program. Install it whole, and try again.',
    );
  }
  const words = [...(input.on('whole') ? [] : ['--short']), ...(context.json ? ['--json'] : [])];
  const child = spawn(process.execPath, [range, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  const { ended } = context;
  const stop = (): void => void child.kill();
  ended.addEventListener('abort', stop);
  const said: string[] = [];
  const complaints: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (context.json) said.push(text);
    else context.stdout.write(text);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => void complaints.push(text));
  const [code] = (await once(child, 'close')) as [number | null];
  ended.removeEventListener('abort', stop);
  if (ended.aborted) return { text: 'Stopped. Nothing is left of it.', json: null, exitCode: 1 };
  if (code !== 0) {
    throw new Fault('internal', `The attack range ended early: ${complaints.join('').trim().slice(-500)}`);
  }
  return { text: '', json: context.json ? (JSON.parse(said.join('')) as Json) : null };
}

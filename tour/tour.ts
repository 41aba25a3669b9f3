import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { errorText } from '../src/kernel/fault.ts';
import { type AgentPlace, useEverything, useFiles } from './agent.ts';
import { mcpServersBlock, useBlock } from './block.ts';
import { verifyLog } from './log.ts';
import { Narrator } from './narrator.ts';
import { makePlace, type Place } from './place.ts';
import { approveTools, makeAuthority, register, showListeners } from './set-up.ts';
import { end, up } from './stage.ts';
import { useStolenToken } from './stolen-token.ts';
import { revokeInUse, turnStrangersAway } from './strangers.ts';

/**
 * The whole road in one go, with real parts: authority, gateway, two MCP servers from npm, the bridge, the official
 * MCP client. Every step says what it does and checks that it behaved; the exit code is 0 only if every one did.
 */
const say = new Narrator();
try {
  const options = readOptions();
  const place = makePlace(options.folder);
  // Also when Ctrl-C ends the tour in the middle: keys and a passphrase lie there.
  process.once('exit', () => place.cleanUp());
  process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));
  await tour(place, options.exit);
  process.exitCode = say.failures === 0 ? 0 : 1;
} catch (error) {
  process.stderr.write(`\nThe tour cannot go on: ${errorText(error)}\n`);
  process.exitCode = 1;
}

async function tour(place: Place, exit: boolean): Promise<void> {
  // Most commands end sooner than they start; compiled code is kept from one to the next.
  process.env['NODE_COMPILE_CACHE'] = join(place.folder, 'compiled');
  say.title('Countersign: certificates instead of API keys for every MCP agent');
  await makeAuthority(place, say);
  const unlock = ['--folder', place.data, '--passphrase-file', place.passphraseFile];
  const { child, listening } = await up([...unlock, '--ports', 'any']);
  try {
    showListeners(listening, say);
    await register(place, say);
    await approveTools(place, say);
    const agent = await useEverything({ place, listening }, say);
    await useFiles(agent, say);
    await useBlock(agent, say);
    await turnStrangersAway(place, listening, say);
    const thief = await useStolenToken(place, listening, say);
    await revokeInUse(place, listening, thief, say);
    await verifyLog(place, say);
    say.summary();
    if (!exit) await stayUp(agent);
  } finally {
    await end(child);
  }
}

async function stayUp(agent: AgentPlace & { readonly notAfter: number }): Promise<void> {
  say.configuration(mcpServersBlock(agent), agent.notAfter);
  process.removeAllListeners('SIGINT').removeAllListeners('SIGTERM');
  await new Promise<void>((done) => {
    process.once('SIGINT', done).once('SIGTERM', done);
  });
}

function readOptions(): { readonly exit: boolean; readonly folder: string | undefined } {
  const known = { exit: { type: 'boolean', default: false }, folder: { type: 'string' } } as const;
  try {
    const { exit, folder } = parseArgs({ options: known }).values;
    return { exit, folder };
  } catch (cause) {
    throw new Error(
      `${errorText(cause).split('. ')[0]}. It has --exit (end after the last step) and --folder DIR (keep its state there).`,
      { cause },
    );
  }
}

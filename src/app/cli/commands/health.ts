import { type Client, createClient, type WholeResponse } from '../../../http/fetch.ts';
import { addressRanges } from '../../../http/address-guard.ts';
import { isJsonObject, type Json } from '../../../kernel/canonical-json.ts';
import { errorText, Fault } from '../../../kernel/fault.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';

/** What is asked, and what of a process that is older than this program and does not know it. */
const paths: Readonly<Record<string, readonly [string, string]>> = {
  live: ['/livez', '/healthz'],
  startup: ['/startupz', '/readyz'],
  ready: ['/readyz', '/readyz'],
};
/** A process that does not answer its own machine for so long is not well, in milliseconds. */
const patience = 4_000;

/**
 * `health`: asks a process of this machine how it is, by its ops listener. That listener is on loopback alone, so whoever
 * looks from outside, such as a kubelet, runs this beside the process instead of connecting to it.
 */
export const healthCommand: Command = {
  path: ['health'],
  summary: 'Ask a gateway or authority on this machine whether it is well; for probes',
  example: 'countersign health --check ready --port 8447',
  flags: [
    {
      name: 'check',
      kind: 'text',
      meaning: 'what is asked: live (it runs), startup (it is up), ready (it can serve now)',
      choices: ['live', 'ready', 'startup'],
      default: 'ready',
    },
    { name: 'port', kind: 'integer', meaning: 'the port of its ops listener; 8447 unless given' },
  ],
  positionals: [],
  run: health,
};

async function health(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const check = input.must('check');
  const port = input.integer('port') ?? 8_447;
  if (port < 1 || port > 65_535) throw new Fault('usage', `--port ${port} is no port.`);
  await using client = createClient({
    addressGuard: addressRanges(['loopback']),
    limits: { connectMilliseconds: patience, headMilliseconds: patience, totalMilliseconds: patience },
  });
  const [path, older] = paths[check] ?? ['/readyz', '/readyz'];
  const ask = (each: string): Promise<WholeResponse> => askAt(client, `http://127.0.0.1:${port}${each}`);
  let answer = await ask(path);
  if (answer.status === 404) answer = await ask(older);
  const said = reportOf(answer.json);
  if (answer.status === 200) return { text: `${check}: yes`, json: { check, ok: true, said } };
  context.say(JSON.stringify(said));
  throw new Fault('unavailable', `${check}: no. Port ${port} answered ${answer.status}.`);
}

async function askAt(client: Client, url: string): Promise<WholeResponse> {
  return await client.request({ method: 'GET', url }).catch((cause: unknown) => {
    const why = errorText(cause);
    throw new Fault('unavailable', `Nothing that is well answers at ${url}: ${why}`, { cause });
  });
}

function reportOf(read: () => Json): Json {
  try {
    const report = read();
    return isJsonObject(report) ? report : null;
  } catch {
    // What it says is for people; its status has decided.
    return null;
  }
}

import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createWebhook, type Webhook } from '../../../http/webhook.ts';
import type { Json } from '../../../kernel/canonical-json.ts';
import { readTextFile } from '../../../kernel/durable-file.ts';
import { errorText, Fault } from '../../../kernel/fault.ts';
import { createSecretResolver } from '../../../secrets/resolve.ts';
import { nameFilter, readExpected } from '../../monitor/expected-issuances.ts';
import { type Found, type Look, lookOnce, type MonitorParts } from '../../monitor/run-monitor.ts';
import { lockFolder } from '../../store/folder-lock.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { printable } from '../format-table.ts';
import { administrationFlags, openAdministration } from './administration.ts';

/** `cert monitor`: follows the log of issuances from outside the authority. */
export const certMonitorCommand: Command = {
  path: ['cert', 'monitor'],
  summary: 'Follow the log of issuances: verify it, list what was issued, alert of what was not expected',
  example: "countersign cert monitor ci-bot 'pay-*' --expect ./expected.yaml --state ./monitor",
  flags: [
    {
      name: 'state',
      kind: 'text',
      placeholder: 'folder',
      meaning: 'where this monitor keeps what it knows of the log',
      default: '.countersign-monitor',
    },
    {
      name: 'expect',
      kind: 'text',
      placeholder: 'file',
      meaning: 'what may be issued, in YAML; anything else for a name that is watched is alerted of',
    },
    {
      name: 'key',
      kind: 'text',
      placeholder: 'file',
      meaning: 'the public key of the log in PEM; the first answer is believed unless given',
    },
    { name: 'follow', kind: 'switch', meaning: 'stay up and look again and again' },
    { name: 'every', kind: 'duration', meaning: 'how often to look, with --follow', default: '30s' },
    { name: 'webhook', kind: 'text', placeholder: 'url', meaning: 'a receiver that alerts are told' },
    {
      name: 'webhook-secret',
      kind: 'text',
      placeholder: 'reference',
      meaning: 'its secret, as env:NAME or file:/path (0600): whsec_ and base64',
    },
    {
      name: 'webhook-ca',
      kind: 'text',
      placeholder: 'file',
      meaning: 'the only authorities in PEM that vouch for the receiver',
    },
    ...administrationFlags,
  ],
  positionals: [
    {
      name: 'names',
      meaning: 'what to watch; * stands for any characters; everything unless given',
      count: 'any',
    },
  ],
  run: monitor,
};

const shortestInterval = 1_000;
const webhookMilliseconds = 10_000;

async function monitor(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const folder = resolve(input.must('state'));
  await using webhook = await openWebhook(context, input);
  const parts = { folder, webhook, ...(await settingsOf(context, input)) };
  using _lock = lockFolder(await lockFile(folder), folder);
  if (!input.on('follow')) {
    await using administration = await openAdministration(context, input);
    const look = await lookOnce({ ...parts, ask: administration.ask });
    if (look.untold > 0 && look.alerts === 0) throw untold(look);
    // With --json every line is a value of its own, this one too.
    if (context.json) await print(context, JSON.stringify({ type: 'looked', ...look }));
    return { text: context.json ? '' : lookText(look), json: null, exitCode: look.alerts > 0 ? 7 : 0 };
  }
  return { text: '', json: null, exitCode: (await follow(context, input, parts)) > 0 ? 7 : 0 };
}

/** Looks until the process is asked to end, or the log is found broken. Returns how many alerts there were. */
async function follow(
  context: CommandContext,
  input: CommandInput,
  parts: Omit<MonitorParts, 'ask'>,
): Promise<number> {
  const interval = Math.max(shortestInterval, input.duration('every') ?? shortestInterval);
  let alerts = 0;
  while (!context.ended.aborted) {
    try {
      // Opened for each look: an authority that is started meanwhile gets its folder.
      await using administration = await openAdministration(context, input);
      alerts += (await lookOnce({ ...parts, ask: administration.ask })).alerts;
    } catch (error) {
      if (error instanceof Fault && error.code === 'audit_broken') throw error;
      context.say(`The log could not be looked at: ${errorText(error)}`);
    }
    await sleep(interval, undefined, { signal: context.ended }).catch(() => undefined);
  }
  return alerts;
}

async function settingsOf(
  context: CommandContext,
  input: CommandInput,
): Promise<Pick<MonitorParts, 'key' | 'watched' | 'expected' | 'show' | 'say'>> {
  const [key, list] = [input.text('key'), input.text('expect')];
  return {
    key: key === null ? null : await readTextFile(key),
    watched: nameFilter(input.words('names')),
    expected: list === null ? null : readExpected(list, await readTextFile(list)),
    say: context.say,
    show: (found) =>
      print(context, context.json ? JSON.stringify(lineOf(found)) : printable(foundText(found))),
  };
}

async function print(context: CommandContext, line: string): Promise<void> {
  if (!context.stdout.write(`${line}\n`)) await once(context.stdout, 'drain', { signal: context.ended });
}

async function openWebhook(context: CommandContext, input: CommandInput): Promise<Webhook | null> {
  const [url, reference, ca] = ['webhook', 'webhook-secret', 'webhook-ca'].map((flag) => input.text(flag));
  if (!url) return null;
  if (!reference || !/^(env|file):/.test(reference)) {
    throw new Fault('usage', '--webhook needs --webhook-secret, as env:NAME or file:/path.');
  }
  const { clock, env: environment, redactor } = context;
  const secrets = createSecretResolver({ environment, redactor, clock });
  return createWebhook({
    url,
    secret: () => secrets.resolve(reference),
    ...(ca && { authorities: await readTextFile(ca) }),
    // Whoever starts the monitor says where its receiver is; nobody else can.
    privateAddresses: true,
    milliseconds: webhookMilliseconds,
    clock,
  });
}

function lineOf(found: Found): object {
  return found.type === 'alert' ? found.alert : { type: 'issued', ...found.issuance };
}

function foundText(found: Found): string {
  if (found.type === 'issued') {
    const { time, index, name, kind, door, serial } = found.issuance;
    return [time, `#${index}`, 'issued', name, kind, door, serial].join('  ');
  }
  const { alert } = found;
  const words = (...members: readonly string[]): string =>
    members.map((member) => wordOf(alert[member])).join('  ');
  if (alert.alert === 'log-broken') return `ALERT  ${words('reason')}`;
  return `ALERT  not expected, ${words('stage')}:  ${words('time', 'index', 'name', 'kind', 'door', 'owner', 'serial')}`;
}

function wordOf(value: Json | undefined): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '-';
}

function lookText({ origin, entries, fresh, issued, alerts }: Look): string {
  return [
    `The log ${origin} goes on from what was known of it: ${entries} entries, ${fresh} of them new.`,
    `${issued} certificates that are watched were issued; ${alerts} alerts.`,
  ].join('\n');
}

function untold({ untold: count }: Look): Fault {
  return new Fault(
    'unavailable',
    `${count} alerts wait for their receiver and are told again the next time.`,
  );
}

async function lockFile(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return join(folder, 'lock.db');
}

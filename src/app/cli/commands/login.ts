import { setTimeout as wait } from 'node:timers/promises';
import { authorityUrls } from '../../../bridge/authorities.ts';
import { logIn } from '../../../bridge/login/log-in.ts';
import { openBrowser } from '../../../bridge/login/open-browser.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { joinTokenFlags } from '../join-token-flags.ts';

/** How long a person is waited for. */
const patience = 10 * 60_000;

const trustFlags = joinTokenFlags.filter(({ name }) => name === 'ca' || name === 'ca-fingerprint');

/** `login`: a person gets a certificate for an agent of theirs. */
export const loginCommand: Command = {
  path: ['login'],
  summary: 'Log in as a person, and get a certificate for an agent of yours',
  example: 'countersign login --authority https://authority.example.internal:8444 --agent alice-laptop',
  flags: [
    {
      name: 'authority',
      kind: 'text',
      placeholder: 'url',
      meaning: 'the authority that gives the certificate',
      required: true,
    },
    {
      name: 'agent',
      kind: 'text',
      placeholder: 'name',
      meaning: 'the name of the agent; the usual one of yours unless given',
    },
    {
      name: 'provider',
      kind: 'text',
      placeholder: 'name',
      meaning: 'where to log in, when the authority knows several',
    },
    { name: 'device', kind: 'switch', meaning: 'log in on another machine, with a code that is shown here' },
    { name: 'again', kind: 'switch', meaning: 'authenticate anew, although the provider knows you' },
    {
      name: 'no-browser',
      kind: 'switch',
      meaning: 'only say where to log in; the browser has to be on this machine',
    },
    {
      name: 'port',
      kind: 'integer',
      placeholder: 'port',
      meaning: 'the loopback port that the browser comes back to; any free one unless given',
    },
    ...trustFlags,
    {
      name: 'state',
      kind: 'text',
      placeholder: 'folder',
      meaning: 'where key and certificate go, instead of the per-user place',
    },
  ],
  positionals: [],
  run: login,
};

async function login(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const authority = readAuthority(input.must('authority'));
  const { env, clock, say } = context;
  const late = new AbortController();
  const reason = new Fault('timed_out', 'Nobody logged in within ten minutes. Run the command again.');
  const timer = setTimeout(() => late.abort(reason), patience);
  const interrupted = new Fault('timed_out', 'The login was interrupted.');
  context.ended.addEventListener('abort', () => late.abort(interrupted), { once: true });
  try {
    const done = await logIn({
      authority,
      agent: input.text('agent'),
      provider: input.text('provider'),
      again: input.on('again'),
      way: input.on('device') ? 'device' : 'browser',
      port: input.integer('port'),
      authorityFile: input.text('ca') ?? env['MCP_CA_CERT'] ?? null,
      rootFingerprint: input.text('ca-fingerprint'),
      stateFolder: input.text('state'),
      environment: env,
      clock,
      signal: late.signal,
      pause: pauseUntil,
      say,
      showPage(url) {
        const open = !input.on('no-browser') && openBrowser(url, env);
        say(
          open ? 'Log in with the browser. If it shows nothing, open:' : 'Open in a browser on this machine:',
        );
        say(url);
      },
      showCode: ({ url, code }) => say(`Open ${url} on any machine, and enter the code ${code}`),
    });
    const ends = new Date(done.notAfter).toISOString();
    return {
      text: [
        `The agent ${done.agent} has a certificate until ${ends}; a bridge renews it.`,
        `Next: countersign bridge --gateway <url> --agent ${done.agent} --authority ${authority}`,
      ].join('\n'),
      json: { ...done },
    };
  } finally {
    clearTimeout(timer);
  }
}

/** Throws Fault `usage`. */
function readAuthority(text: string): string {
  const isSecure = (url: string): boolean => URL.canParse(url) && new URL(url).protocol === 'https:';
  if (authorityUrls(text).every(isSecure)) return text;
  throw new Fault('usage', '--authority needs a URL of https.');
}

async function pauseUntil(milliseconds: number, signal: AbortSignal): Promise<void> {
  await wait(milliseconds, undefined, { signal }).catch(() => {
    throw signal.reason;
  });
}

import type { SignInOptions } from '../../bridge/oauth/open-tokens.ts';
import type { SignInSettings } from '../../bridge/oauth/sign-in.ts';
import { commandFor, openBrowser } from '../../bridge/login/open-browser.ts';
import { readPrivateFile } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import type { CommandContext, CommandInput, Flag } from './command.ts';

const ways = ['auto', 'browser', 'device', 'client-credentials', 'off'] as const;

/** How a bridge gets a token when a server wants one. */
export const signInFlags: readonly Flag[] = [
  {
    name: 'sign-in',
    kind: 'text',
    meaning: 'how a token is got when the server wants one; auto takes a browser when there is one',
    choices: ways,
    default: 'auto',
  },
  {
    name: 'issuer',
    kind: 'text',
    placeholder: 'url',
    meaning: 'the only authorization server that is asked, as it names itself',
  },
  { name: 'scope', kind: 'list', meaning: 'a scope to ask for besides those that the server names' },
  {
    name: 'client-id',
    kind: 'text',
    placeholder: 'id',
    meaning: 'the client that was registered for the bridge at the authorization server',
  },
  {
    name: 'client-secret-file',
    kind: 'text',
    placeholder: 'file',
    meaning: 'a file (0600) with the secret of that client; needs --issuer',
  },
  {
    name: 'client-document',
    kind: 'text',
    placeholder: 'url',
    meaning: 'the client ID metadata document to go by, where authorization servers take one',
  },
  {
    name: 'callback-port',
    kind: 'integer',
    placeholder: 'port',
    meaning: 'the loopback port that the browser comes back to; any free one unless given',
  },
];

/** null when no token is to be got. Throws Fault `usage`, `file_mode`, `not_found`. */
export async function readSignIn(
  { env }: CommandContext,
  input: CommandInput,
  log: (line: string) => void,
): Promise<SignInOptions | null> {
  const way = ways.find((one) => one === input.must('sign-in')) ?? 'off';
  if (way === 'off') return null;
  return {
    settings: await readSettings(way, input),
    callbackPort: input.integer('callback-port'),
    hasBrowser: commandFor(env, process.platform) !== null,
    showPage(url) {
      const opened = openBrowser(url, env);
      log(
        opened
          ? `The server wants you to sign in with the browser. If it shows nothing, open: ${url}`
          : `The server wants you to sign in. Open in a browser on this machine: ${url}`,
      );
    },
    showCode: ({ url, code }) =>
      log(`The server wants you to sign in. Open ${url} on any machine, and enter the code ${code}`),
  };
}

async function readSettings(way: SignInSettings['way'], input: CommandInput): Promise<SignInSettings> {
  const id = input.text('client-id');
  const secretFile = input.text('client-secret-file');
  const issuer = input.text('issuer');
  if (secretFile !== null && (id === null || issuer === null)) {
    // Or any server could name one of its own that collects it.
    throw new Fault(
      'usage',
      '--client-secret-file needs --client-id and --issuer: a secret is for one issuer.',
    );
  }
  const secret =
    secretFile === null
      ? null
      : Buffer.from(await readPrivateFile(secretFile))
          .toString('utf8')
          .trim();
  const document = input.text('client-document');
  if (document !== null && (!URL.canParse(document) || new URL(document).protocol !== 'https:')) {
    throw new Fault('usage', '--client-document takes an https URL.');
  }
  return {
    way,
    issuer,
    scopes: input.list('scope'),
    client: {
      configured: id === null ? null : { id, secret },
      document,
      // Last in the order of MCP, and only where the authorization server offers it.
      register: input.text('server') !== null,
    },
  };
}

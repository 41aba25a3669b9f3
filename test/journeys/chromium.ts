import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** A page in a real browser, with an authenticator of its own. */
export interface ChromiumPage extends AsyncDisposable {
  /** Opens an address; once the page is there. */
  open(url: string): Promise<void>;
  /** What a script finds in the page, looked for again for up to ten seconds while it is null or the page changes. */
  find<Found>(script: string): Promise<Found>;
  /** Clicks the one element of a CSS selector as a person does: a real event, in the middle of it. */
  click(selector: string): Promise<void>;
  type(selector: string, text: string): Promise<void>;
  /** A place like `https://client.example/callback` answers nothing; the address that the browser wanted to go to. */
  landing(prefix: string): Promise<string>;
  /** What was written to the console, and errors of scripts and of the content policy. */
  readonly complaints: string[];
}

/** Starts Chromium, which takes certificates of the issuer with that key (SubjectPublicKeyInfo) for good, and opens one page. */
export async function openChromium(issuer: Uint8Array): Promise<ChromiumPage> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-chromium-'));
  const browser = spawn('chromium', argumentsFor(folder, issuer), {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const ended = new Promise<void>((resolve) => browser.once('close', () => resolve()));
  const wire = new Wire(browser);
  const dispose = async (): Promise<void> => {
    await Promise.race([wire.send('Browser.close').catch(() => undefined), ended]);
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 3_000).unref())]);
    if (browser.exitCode === null && browser.pid !== undefined) process.kill(-browser.pid, 'SIGKILL');
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    return await openPage(wire, dispose);
  } catch (error) {
    await dispose();
    throw error;
  }
}

function argumentsFor(folder: string, issuer: Uint8Array): string[] {
  return [
    '--headless=new',
    // The tests may run as root, where Chromium's own sandbox does not start.
    '--no-sandbox',
    '--remote-debugging-pipe',
    `--user-data-dir=${folder}`,
    `--ignore-certificate-errors-spki-list=${createHash('sha256').update(issuer).digest('base64')}`,
    '--no-first-run',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-extensions',
    '--disable-sync',
    '--disable-default-apps',
    '--no-proxy-server',
    '--renderer-process-limit=1',
    '--disable-features=Translate,OptimizationHints,MediaRouter,DialMediaRouteProvider',
  ];
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** The DevTools protocol over the pipe of Chromium: JSON, each message ended by an octet 0. */
class Wire {
  private readonly waiting = new Map<number, (message: Message) => void>();
  private readonly out: Writable;
  private next = 1;
  heard: (message: Message) => void = () => undefined;

  constructor({ stdio }: ChildProcess) {
    this.out = stdio[3] as Writable;
    this.out.on('error', () => undefined);
    let rest = Buffer.alloc(0);
    (stdio[4] as Readable).on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (let end = rest.indexOf(0); end !== -1; end = rest.indexOf(0)) {
        this.take(JSON.parse(rest.subarray(0, end).toString()) as Message);
        rest = rest.subarray(end + 1);
      }
    });
  }

  async send(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    const id = this.next++;
    const answer = new Promise<Message>((resolve) => this.waiting.set(id, resolve));
    this.out.write(`${JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) })}\0`);
    const { error, result = {} } = await answer;
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  private take(message: Message): void {
    if (message.id === undefined) return this.heard(message);
    this.waiting.get(message.id)?.(message);
    this.waiting.delete(message.id);
  }
}

async function openPage(wire: Wire, dispose: () => Promise<void>): Promise<ChromiumPage> {
  const { targetId } = await wire.send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await wire.send('Target.attachToTarget', { targetId, flatten: true });
  const ask = (method: string, params: object = {}): Promise<Record<string, unknown>> =>
    wire.send(method, params, String(sessionId));
  const complaints: string[] = [];
  const wanted: string[] = [];
  wire.heard = ({ method, params = {} }) => {
    if (method === 'Log.entryAdded' || method === 'Runtime.exceptionThrown') {
      complaints.push(JSON.stringify(params));
    }
    if (method === 'Network.requestWillBeSent' && params['type'] === 'Document') {
      wanted.push((params['request'] as { url: string }).url);
    }
  };
  for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await ask(`${domain}.enable`);
  await ask('WebAuthn.enable', { enableUI: false });
  await ask('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  const find = async <Found>(script: string): Promise<Found> => {
    for (let tries = 0; tries < 400; tries++) {
      // While a page goes away there is nothing to look in.
      const answer = await ask('Runtime.evaluate', { expression: script, returnByValue: true }).catch(
        () => null,
      );
      const value = (answer?.['result'] as { value?: Found } | undefined)?.value;
      if (value !== undefined && value !== null) return value;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`nothing in the page for ${script}; ${complaints.join()}`);
  };
  const middleOf = (selector: string): Promise<{ x: number; y: number }> =>
    find(`(() => {
      const one = document.querySelector(${JSON.stringify(selector)});
      if (!one || one.disabled || document.readyState !== 'complete') return null;
      one.scrollIntoView();
      const { x, y, width, height } = one.getBoundingClientRect();
      return width === 0 ? null : { x: x + width / 2, y: y + height / 2 };
    })()`);
  const click = async (selector: string): Promise<void> => {
    const place = await middleOf(selector);
    for (const type of ['mousePressed', 'mouseReleased']) {
      await ask('Input.dispatchMouseEvent', { type, ...place, button: 'left', clickCount: 1 });
    }
  };
  return {
    complaints,
    find,
    click,
    async open(url) {
      await ask('Page.navigate', { url });
    },
    async type(selector, text) {
      await click(selector);
      await ask('Input.insertText', { text });
    },
    async landing(prefix) {
      for (let tries = 0; tries < 400; tries++) {
        const there = wanted.find((url) => url.startsWith(prefix));
        if (there !== undefined) return there;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      throw new Error(`the browser did not go to ${prefix}: ${wanted.join(', ')}`);
    },
    [Symbol.asyncDispose]: dispose,
  };
}

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { errorText, Fault } from '../../kernel/fault.ts';
import {
  type AnswerReader,
  type Call,
  calls,
  readAnswer,
  type RequestWriter,
  writeRequest,
} from './rpc-message.ts';

/** A PKCS #11 library at work in a process of its own, `p11-kit remote`. */
export interface ModuleProcess {
  /** What is written by `fill` must fit the shape of the call. Throws CryptokiError, or Fault `unavailable`. */
  call(call: Call, fill: (request: RequestWriter) => unknown): Promise<AnswerReader>;
  readonly gone: boolean;
  /** Ends the process; calls under way fail. */
  end(): void;
}

const handshake = 'PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1';
/** No answer to what is asked here is longer. */
const longestAnswer = 1024 * 1024;
/** Codes tell answers apart; p11-kit begins with the same. */
const firstCode = 0x10;

interface Pending {
  readonly resolve: (octets: Uint8Array) => void;
  readonly reject: (fault: Fault) => void;
}

/**
 * Starts the process and initialises the library. It gets the PIN through its standard input alone, and ends when that
 * closes, so it does not outlive us. Throws Fault `key_refused` when p11-kit or the library is missing.
 */
export async function startModule(
  modulePath: string,
  environment: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<ModuleProcess> {
  await access(modulePath).catch((cause: unknown) => {
    throw new Fault(
      'key_refused',
      `There is no library ${modulePath}. Install the one of the token's maker.`,
      { cause },
    );
  });
  const child = spawn('p11-kit', ['remote', modulePath], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...environment },
    shell: false,
    windowsHide: true,
  });
  const module = speak(child, modulePath);
  const hung = (): void => module.end();
  signal.addEventListener('abort', hung, { once: true });
  try {
    // The version of the protocol: 0, which every p11-kit speaks.
    child.stdin.write(Uint8Array.of(0));
    await module.call(calls.initialize, (request) =>
      request.octets(Buffer.from(handshake)).octet(0).octets(Uint8Array.of(0)),
    );
    return module;
  } catch (error) {
    module.end();
    throw error;
  } finally {
    signal.removeEventListener('abort', hung);
  }
}

function speak(child: ChildProcessByStdio<Writable, Readable, Readable>, modulePath: string): ModuleProcess {
  const pending = new Map<number, Pending>();
  let code = firstCode;
  let gone: Fault | null = null;
  let said = '';

  const bury = (fault: Fault): void => {
    gone ??= fault;
    child.kill('SIGKILL');
    for (const { reject } of pending.values()) reject(gone);
    pending.clear();
  };
  child.once('error', (error) => bury(notStarted(error)));
  child.once('close', () => bury(ended(modulePath, said)));
  // A broken pipe shows as the end of the process.
  child.stdin.on('error', () => undefined);
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-500)));
  readFrames(child.stdout, (answered, octets) => {
    const waiting = octets && pending.get(answered);
    if (!waiting) return bury(new Fault('unavailable', 'The key holder p11-kit answers what was not asked.'));
    pending.delete(answered);
    waiting.resolve(octets);
  });

  return {
    get gone() {
      return gone !== null;
    },
    async call(call, fill) {
      if (gone) throw gone;
      const request = writeRequest(call);
      fill(request);
      const octets = request.whole();
      const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
      pending.set(code, { resolve, reject });
      const head = Buffer.alloc(12);
      head.writeUInt32BE(code, 0);
      head.writeUInt32BE(octets.length, 8);
      code += 1;
      child.stdin.write(Buffer.concat([head, octets]));
      return readAnswer(await promise, call);
    },
    end() {
      bury(new Fault('unavailable', 'The key holder was ended.'));
    },
  };
}

/**
 * One octet with the version, then frames: code, length of options, length of the message, both. Null is a frame that is
 * too long to be an answer.
 */
function readFrames(stream: Readable, take: (code: number, octets: Uint8Array | null) => void): void {
  let held: Buffer = Buffer.alloc(0);
  let greeted = false;
  stream.on('data', (part: Buffer) => {
    held = held.length === 0 ? part : Buffer.concat([held, part]);
    if (!greeted) {
      greeted = true;
      held = held.subarray(1);
    }
    while (held.length >= 12) {
      const options = held.readUInt32BE(4);
      const length = held.readUInt32BE(8);
      if (options + length > longestAnswer) {
        stream.destroy();
        take(0, null);
        return;
      }
      const end = 12 + options + length;
      if (held.length < end) return;
      take(held.readUInt32BE(0), held.subarray(12 + options, end));
      held = held.subarray(end);
    }
  });
}

function notStarted(cause: Error): Fault {
  const missing = 'code' in cause && cause.code === 'ENOENT';
  return new Fault(
    missing ? 'key_refused' : 'unavailable',
    missing
      ? 'The program p11-kit, which holds PKCS #11 keys, is not on the PATH. Install the package p11-kit.'
      : `The key holder p11-kit cannot be started: ${errorText(cause)}`,
    { cause },
  );
}

function ended(modulePath: string, said: string): Fault {
  const why = said.replaceAll(/\s+/g, ' ').trim();
  return new Fault(
    'unavailable',
    `The key holder p11-kit with ${modulePath} has ended${why === '' ? '.' : `: ${why}`}`,
  );
}

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';

const run = promisify(execFile);

/** A software TPM 2.0 on loopback. */
export interface SoftTpm extends AsyncDisposable {
  /** Tells tpm2-tools and the provider of OpenSSL where it is. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** One command of tpm2-tools, in the folder; what the TPM held for it is flushed afterwards. */
  tool(...words: readonly string[]): Promise<void>;
  /** The public area of a persistent key (TPMT_PUBLIC). */
  publicArea(handle: number): Promise<Uint8Array>;
  /** TPM2_Certify, of which tpm2-tools give no qualifying data: `certInfo`, and a TPMT_SIGNATURE. */
  certify(
    object: number,
    signer: number,
    qualifyingData: Uint8Array,
  ): Promise<{ readonly certInfo: Uint8Array; readonly sig: Uint8Array }>;
}

/** Starts one whose state is in the folder. */
export async function startSoftTpm(folder: string): Promise<SoftTpm> {
  const state = join(folder, 'state');
  await mkdir(state);
  const port = await freePairOfPorts();
  const at = (number: number): string => `type=tcp,port=${number},bindaddr=127.0.0.1`;
  const words = [
    'socket',
    '--tpm2',
    '--tpmstate',
    `dir=${state}`,
    '--server',
    at(port),
    '--ctrl',
    at(port + 1),
  ];
  const child = spawn('swtpm', [...words, '--flags', 'not-need-init,startup-clear'], { stdio: 'ignore' });
  await once(child, 'spawn');
  await accepts(port + 1);
  const tcti = `swtpm:host=127.0.0.1,port=${port}`;
  const environment = { ...process.env, TPM2OPENSSL_TCTI: tcti, TPM2TOOLS_TCTI: tcti };
  const tool = async (...command: readonly string[]): Promise<void> => {
    await run('tpm2', command, { cwd: folder, env: environment });
  };
  return {
    environment,
    async tool(...command) {
      await tool(...command);
      await tool('flushcontext', '-t');
    },
    async publicArea(handle) {
      await tool('readpublic', '-Q', '-c', `0x${handle.toString(16)}`, '-o', 'public');
      // TPM2B_PUBLIC: its length, then the area.
      return new Uint8Array(await readFile(join(folder, 'public'))).subarray(2);
    },
    certify: (...order) => certify(port, ...order),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** TPM 2.0 Library Specification, Part 3, §18.2, with an empty password for both keys. */
async function certify(
  port: number,
  object: number,
  signer: number,
  qualifyingData: Uint8Array,
): Promise<{ readonly certInfo: Uint8Array; readonly sig: Uint8Array }> {
  const password = [u32(0x40000009), u16(0), Buffer.of(0), u16(0)];
  const authorizations = Buffer.concat([...password, ...password]);
  const body = Buffer.concat([
    u32(object),
    u32(signer),
    u32(authorizations.length),
    authorizations,
    u16(qualifyingData.length),
    qualifyingData,
    u16(0x0010),
  ]);
  const answer = await exchange(port, Buffer.concat([u16(0x8002), u32(10 + body.length), u32(0x148), body]));
  const code = answer.readUInt32BE(6);
  if (code !== 0) throw new Error(`TPM2_Certify: 0x${code.toString(16)}`);
  const parameters = answer.subarray(14, 14 + answer.readUInt32BE(10));
  const length = parameters.readUInt16BE(0);
  return { certInfo: parameters.subarray(2, 2 + length), sig: parameters.subarray(2 + length) };
}

async function exchange(port: number, command: Uint8Array): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1');
  socket.write(command);
  let answer = Buffer.alloc(0);
  for await (const part of socket) {
    answer = Buffer.concat([answer, part as Buffer]);
    if (answer.length >= 6 && answer.length >= answer.readUInt32BE(2)) break;
  }
  return answer;
}

function u16(number: number): Buffer {
  const octets = Buffer.alloc(2);
  octets.writeUInt16BE(number);
  return octets;
}

function u32(number: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(number);
  return octets;
}

/** The library of the TPM takes the port of the control channel to be the next one. */
async function freePairOfPorts(): Promise<number> {
  for (;;) {
    const port = await freePort();
    const next = createServer().listen(port + 1, '127.0.0.1');
    const [free] = await Promise.race([
      once(next, 'listening').then(() => [true]),
      once(next, 'error').then(() => [false]),
    ]);
    next.close();
    if (free) return port;
  }
}

async function accepts(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const socket = connect(port, '127.0.0.1');
    const up = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('the TPM did not start');
}

import { generateKeyPairSync, createPrivateKey, type KeyObject } from 'node:crypto';
import { join, resolve } from 'node:path';
import { cosigner } from '../../../audit/cosignature.ts';
import { readPublicKey } from '../../../audit/log-folder.ts';
import { Witness } from '../../../audit/witness.ts';
import { witnessFolder } from '../../../audit/witness-folder.ts';
import type { Exchange } from '../../../http/exchange.ts';
import { listen } from '../../../http/listen.ts';
import { answerProblem } from '../../../http/problem.ts';
import { readPrivateFile, readTextFile, writeDurably } from '../../../kernel/durable-file.ts';
import { Fault, toFault } from '../../../kernel/fault.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';

/** `witness`: signs checkpoints of logs on a machine that is nobody's who writes them. */
export const witnessCommand: Command = {
  path: ['witness'],
  summary: 'Sign checkpoints of audit logs on another machine, so that nobody rewrites them unseen',
  example:
    'countersign witness --name witness.example.org --log example.internal/gateway/edge-1=./edge-1.pem',
  flags: [
    {
      name: 'name',
      kind: 'text',
      meaning: 'what the witness calls itself, such as a host name',
      required: true,
    },
    {
      name: 'log',
      kind: 'list',
      placeholder: 'origin=file',
      meaning: 'a log to sign for, and the file with its public key; may be repeated',
    },
    {
      name: 'state',
      kind: 'text',
      placeholder: 'folder',
      meaning: 'where the key and what was signed lie',
      default: '.countersign-witness',
    },
    { name: 'host', kind: 'text', meaning: 'the address to listen on', default: '127.0.0.1' },
    {
      name: 'port',
      kind: 'integer',
      meaning: 'the port to listen on; 0 takes any free one',
      default: '8450',
    },
    {
      name: 'hosts',
      kind: 'list',
      meaning: 'a name besides the loopback ones that it is asked by; may be repeated',
    },
    {
      name: 'certificate',
      kind: 'text',
      placeholder: 'file',
      meaning: 'its TLS certificate in PEM; plain HTTP on loopback without one',
    },
    { name: 'key', kind: 'text', placeholder: 'file', meaning: 'the key of that certificate in PEM' },
  ],
  positionals: [],
  run: witness,
};

const bodyLimit = { bytes: 64 * 1_024, milliseconds: 10_000 };

async function witness(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const { clock } = context;
  const state = resolve(input.must('state'));
  const logs = await readLogs(input.list('log'));
  const own = cosigner(input.must('name'), await witnessKey(join(state, 'witness-key.pem')));
  const judge = new Witness({
    cosigner: own,
    records: witnessFolder(state),
    clock,
    keysOf: (origin) => Promise.resolve(logs.get(origin) ?? []),
  });
  await using listener = await listen({
    name: 'witness',
    host: input.must('host'),
    port: input.integer('port') ?? 8_450,
    tls: await tlsOf(input),
    hosts: input.list('hosts'),
    origins: [],
    handle: (exchange) => answer(exchange, judge),
    clock,
    engine: 'wire',
  });
  const text = `The witness ${own.name} listens at ${listener.url}.\nIts key: ${own.vkey}\nPress Ctrl-C to stop.`;
  context.stdout.write(
    `${context.json ? JSON.stringify({ listening: { witness: listener.url }, key: own.vkey }) : text}\n`,
  );
  const { ended } = context;
  if (!ended.aborted) {
    await new Promise<void>((done) => ended.addEventListener('abort', () => done(), { once: true }));
  }
  return { text: '', json: null };
}

/** C2SP tlog-witness: the one request. */
async function answer(exchange: Exchange, judge: Witness): Promise<void> {
  try {
    if (exchange.path !== '/add-checkpoint')
      throw new Fault('not_found', 'This listener has /add-checkpoint.');
    if (exchange.method !== 'POST') throw new Fault('method_not_allowed', 'Checkpoints are posted.');
    const { status, type, body } = await judge.addCheckpoint(
      Buffer.from(await exchange.body(bodyLimit)).toString('utf8'),
    );
    await exchange.respond(status, { 'content-type': type }, body);
  } catch (error) {
    await answerProblem(exchange, toFault(error));
  }
}

async function readLogs(given: readonly string[]): Promise<Map<string, KeyObject[]>> {
  const logs = new Map<string, KeyObject[]>();
  for (const text of given) {
    const at = text.indexOf('=');
    if (at < 1) throw new Fault('usage', '--log: write origin=file.');
    const origin = text.slice(0, at);
    logs.set(origin, [...(logs.get(origin) ?? []), await readPublicKey(text.slice(at + 1))]);
  }
  return logs;
}

async function tlsOf(input: CommandInput) {
  const [certificate, key] = [input.text('certificate'), input.text('key')];
  if (certificate === null || key === null) {
    if (certificate === key) return null;
    throw new Fault('usage', 'Give --certificate and --key, or neither of them.');
  }
  const material = {
    certificate: await readTextFile(certificate),
    key: Buffer.from(await readPrivateFile(key)).toString('utf8'),
    clientAuthorities: '',
  };
  return { material, clientCertificate: 'never', minimumVersion: 'TLSv1.3' } as const;
}

/** The Ed25519 key of the witness, made at the first start. */
async function witnessKey(path: string): Promise<KeyObject> {
  try {
    return createPrivateKey(Buffer.from(await readPrivateFile(path)));
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'not_found') throw error;
  }
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeDurably(path, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return privateKey;
}

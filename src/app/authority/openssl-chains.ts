import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AttestationChain, ChainVerifier } from '../../enrol/attest/chain-verifier.ts';
import { Fault } from '../../kernel/fault.ts';
import { encodePem } from '../../x509/pem.ts';

const milliseconds = 5_000;
/** How many are decided at once; the others wait. */
const atOnce = 4;

/** Chains in the judgement of `openssl verify`, a process of its own for each. */
export function opensslChains(): ChainVerifier {
  const turns: Promise<unknown>[] = Array.from({ length: atOnce }, () => Promise.resolve());
  return {
    verify: (chain) => {
      const before = turns.shift() ?? Promise.resolve();
      const turn = before.then(() => verifyInFolder(chain));
      turns.push(turn.catch(() => undefined));
      return turn;
    },
  };
}

/** Throws Fault `config_invalid` when there is no OpenSSL to ask. */
export async function requireOpenssl(path: string): Promise<void> {
  const { code } = await openssl(['version'], '');
  if (code === 0) return;
  throw new Fault(
    'config_invalid',
    `${path}: attestations are verified by openssl, which cannot be run here.`,
  );
}

async function verifyInFolder(chain: AttestationChain): Promise<string | null> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-chain-'));
  try {
    const roots = join(folder, 'roots.pem');
    const untrusted = join(folder, 'untrusted.pem');
    const pem = (der: Uint8Array): string => encodePem('CERTIFICATE', der);
    await writeFile(roots, chain.roots, { mode: 0o600 });
    await writeFile(untrusted, chain.intermediates.map(pem).join(''), { mode: 0o600 });
    const words = [
      'verify',
      // The roots of this machine vouch for web servers.
      '-no-CApath',
      '-no-CAstore',
      '-CAfile',
      roots,
      ...(chain.intermediates.length > 0 ? ['-untrusted', untrusted] : []),
      '-purpose',
      'any',
      '-verify_depth',
      '8',
      '-auth_level',
      '1',
      '-attime',
      String(Math.floor(chain.at / 1_000)),
      ...(chain.strict ? ['-x509_strict'] : []),
    ];
    return verdict(await openssl(words, pem(chain.leaf)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Said {
  /** Null when it did not run to its end. */
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

function verdict({ code, out, errors }: Said): string | null {
  if (code === 0 && out.trim() === 'stdin: OK') return null;
  const [, why] = /^error \d+ at \d+ depth lookup: ?(.{1,200})$/m.exec(errors) ?? [];
  if (code === 2 && why !== undefined) return why;
  throw new Fault(
    'unavailable',
    'OpenSSL did not say whether the certificates of the attestation can be trusted.',
    {
      cause: new Error(errors.slice(0, 2_000)),
    },
  );
}

/** Without a shell, and with nothing of this process's environment but where programs are. */
function openssl(words: readonly string[], input: string): Promise<Said> {
  const env = { PATH: process.env['PATH'], OPENSSL_CONF: '/dev/null' };
  const options = { env, timeout: milliseconds, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 } as const;
  return new Promise((resolve) => {
    const child = execFile('openssl', words, options, (error, out, errors) => {
      const code = error ? (typeof error.code === 'number' ? error.code : null) : 0;
      resolve({ code, out, errors });
    });
    // One that could not be started, or ended before it had read all: the callback says so.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

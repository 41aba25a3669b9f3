import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { generateKeyPairSync } from 'node:crypto';
import { decodePem, encodePem } from '../../src/x509/pem.ts';
import { caseList, type KeyKind, type Recipe } from './recipes.ts';
import { type Other, resign } from './resign.ts';

const run = promisify(execFile);

/** The trust domain of the certificates of the corpus. */
export const trustDomain = 'limbo.internal';

/** Makes our own corpus, in the format of x509-limbo: chains as openssl writes them, most of them with one thing wrong. */
export async function makeCorpus(): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-limbo-'));
  try {
    const bench = await openBench(folder);
    return { version: 1, testcases: await Promise.all(caseList.map(bench.cook)) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function openBench(folder: string) {
  const keys = new Map<string, Promise<string>>();
  const certificates = new Map<string, Promise<Paths>>();
  const at = (name: string): string => join(folder, name);
  const once = <Value>(known: Map<string, Promise<Value>>, name: string, make: () => Promise<Value>) => {
    const value = known.get(name) ?? make();
    known.set(name, value);
    return value;
  };
  let files = 0;

  const keyFor = (kind: KeyKind, use: string): Promise<string> =>
    once(keys, `${kind} ${use}`, async () => {
      const path = at(`key-${files++}.pem`);
      await writeFile(path, makeKey(kind));
      return path;
    });

  /** A certificate; one that was made for another case is used again. */
  const make = (wish: Recipe['leaf'], issuer: Paths | null, use: string): Promise<Paths> =>
    once(certificates, JSON.stringify([wish, issuer, use]), async () => {
      const key = await keyFor(wish.key, use);
      const name = files++;
      const [path, request, extensions] = [at(`${name}.pem`), at(`${name}.csr`), at(`${name}.cnf`)];
      await writeFile(extensions, wish.extensions.join('\n'));
      await run('openssl', ['req', '-new', '-key', key, '-subj', wish.subject, '-out', request]);
      const signer = issuer ? ['-CA', issuer.certificate, '-CAkey', issuer.key] : ['-key', key];
      const form = wish.extensions.length > 0 ? ['-extfile', extensions] : [];
      const words = [
        '-req',
        '-in',
        request,
        '-out',
        path,
        `-${wish.digest}`,
        '-set_serial',
        '1',
        ...signer,
        ...form,
      ];
      await run('openssl', ['x509', ...words]);
      const written = await readFile(path, 'utf8');
      const issuerKey = await readFile(issuer?.key ?? key, 'utf8');
      await writeFile(path, resign(written, otherOf(wish), issuerKey, wish.digest));
      return { certificate: path, key };
    });

  const text = async ({ certificate }: Paths): Promise<string> => await readFile(certificate, 'utf8');
  return {
    async cook(recipe: Recipe): Promise<unknown> {
      const root = await make(recipe.root, null, 'root');
      const stranger = await make({ ...recipe.root, subject: '/CN=Stranger' }, null, 'stranger');
      const above: Paths[] = [];
      for (const [depth, intermediate] of recipe.intermediates.entries()) {
        above.push(await make(intermediate, above.at(-1) ?? root, `intermediate-${depth}`));
      }
      const leaf = await make(recipe.leaf, above.at(-1) ?? root, 'leaf');
      const certificate = await text(leaf);
      const chain = await Promise.all(above.map(text));
      return {
        id: `countersign::${recipe.id}`,
        description: recipe.why,
        validation_kind: recipe.kind,
        trusted_certs: [await text(recipe.trusts === 'stranger' ? stranger : root)],
        untrusted_intermediates: recipe.trusts === 'no intermediate' ? [] : chain.toReversed(),
        peer_certificate: recipe.spoil ? spoiled(certificate, recipe.spoil) : certificate,
        peer_certificate_key: await readFile(leaf.key, 'utf8'),
        expected_result: recipe.accepted ? 'SUCCESS' : 'FAILURE',
        expected_peer_name: recipe.kind === 'SERVER' ? { kind: 'DNS', value: 'localhost' } : null,
      };
    },
  };
}

function makeKey(kind: KeyKind): string {
  const { privateKey } = kind.startsWith('RSA')
    ? generateKeyPairSync('rsa', { modulusLength: Number(kind.slice(4)) })
    : generateKeyPairSync('ec', { namedCurve: kind });
  return privateKey.export({ type: 'pkcs8', format: 'pem' });
}

interface Paths {
  readonly certificate: string;
  readonly key: string;
}

function spoiled(pem: string, spoil: (der: Buffer) => Uint8Array): string {
  const [der = new Uint8Array()] = decodePem(pem, 'CERTIFICATE');
  return encodePem('CERTIFICATE', spoil(Buffer.from(der)));
}

function otherOf({ serial, from, until, lastTwice = false }: Recipe['leaf']): Other {
  const now = Math.floor(Date.now() / 60_000) * 60_000;
  const [notBefore, notAfter] = [now + from * 60_000, now + until * 60_000];
  return { serial: Buffer.from(serial, 'hex'), notBefore, notAfter, lastTwice };
}

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a certificate of somebody else says; in the words of openssl's own extension files. */
export interface Wish {
  /** Subject alternative names, such as `URI:spiffe://acme.example/agent/ci-1`; none for ''. */
  readonly names: string;
  readonly subject?: string;
  /** Who signs; `root` unless told. */
  readonly by?: string;
  readonly constraints?: string;
  readonly keyUsage?: string;
  readonly extendedKeyUsage?: string;
  readonly days?: string;
  readonly more?: string;
}

/** The authority of a partner, in the hands of whoever wants to attack: it signs whatever it is told to. */
export interface PartnerPki extends Disposable {
  /** PEM of an authority. */
  authority(name?: string): string;
  /** A leaf with what it is presented with. */
  issue(wish: Wish): { readonly cert: string; readonly key: string };
  /** An authority below another one. */
  intermediate(name: string, wish: Partial<Wish>): void;
}

/** `extensions`: of the root, besides those of an authority. */
export function partnerPki(name: string, extensions: readonly string[] = []): PartnerPki {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-partner-'));
  const openssl = (...words: readonly string[]): void =>
    void execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' });
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8');
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const above = new Map<string, string>();
  let count = 0;
  const extra = extensions.flatMap((extension) => ['-addext', extension]);
  const usage = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
  const root = ['-x509', '-days', '30', '-subj', `/O=${name}/CN=${name} root`, ...usage, ...extra];
  openssl('req', ...curve, '-keyout', 'root.key', '-out', 'root.pem', ...root);
  const sign = (file: string, subject: string, wish: Wish): void => {
    const { by = 'root', names, constraints, keyUsage, extendedKeyUsage } = wish;
    const lines = [
      `basicConstraints=critical,${constraints ?? 'CA:FALSE'}`,
      `keyUsage=critical,${keyUsage ?? 'digitalSignature'}`,
      ...(extendedKeyUsage === '' ? [] : [`extendedKeyUsage=${extendedKeyUsage ?? 'clientAuth'}`]),
      ...(names === '' ? [] : [`subjectAltName=${names}`]),
      'subjectKeyIdentifier=hash',
      'authorityKeyIdentifier=keyid',
      ...(wish.more ? [wish.more] : []),
    ];
    writeFileSync(join(folder, `${file}.ext`), `${lines.join('\n')}\n`);
    openssl('req', '-new', ...curve, '-keyout', `${file}.key`, '-out', `${file}.req`, '-subj', subject);
    const signer = ['-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial'];
    const out = ['-days', wish.days ?? '1', '-extfile', `${file}.ext`, '-out', `${file}.pem`];
    openssl('x509', '-req', '-in', `${file}.req`, ...signer, ...out);
  };
  return {
    authority: (file = 'root') => read(`${file}.pem`),
    issue(wish) {
      const file = `leaf-${++count}`;
      sign(file, wish.subject ?? '/CN=agent', wish);
      const chain = above.get(wish.by ?? 'root') ?? '';
      return { cert: read(`${file}.pem`) + chain, key: read(`${file}.key`) };
    },
    intermediate(file, wish) {
      const subject = wish.subject ?? `/O=${name}/CN=${name} ${file}`;
      const defaults = { names: '', constraints: 'CA:TRUE', keyUsage: 'keyCertSign', extendedKeyUsage: '' };
      sign(file, subject, { ...defaults, ...wish });
      above.set(file, read(`${file}.pem`) + (above.get(wish.by ?? 'root') ?? ''));
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePem } from '../../src/x509/pem.ts';
import { openTown, type Presentable, type Town } from '../journeys/deployment.ts';
import { freePort } from './free-port.ts';

/** A deployment whose certificates name its plain listener, and a folder with its CA certificates for other programs. */
export interface PublishedTown extends AsyncDisposable {
  readonly town: Town;
  readonly url: string;
  readonly folder: string;
  /** Hex of the key identifiers. */
  readonly intermediateId: string;
  readonly rootId: string;
  /** A certificate in `<name>.pem` of the folder. */
  issue(name: string): Promise<Presentable>;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  /** Fetches a CRL into a file of the folder, in DER and as PEM under the same name. */
  fetchCrl(path: string, name: string): Promise<Uint8Array>;
}

export async function openPublishedTown(settings: Record<string, number> = {}): Promise<PublishedTown> {
  const plainPort = await freePort();
  const url = `http://127.0.0.1:${plainPort}`;
  const town = await openTown({}, { plainPort, authority: { publicUrl: url, ...settings } });
  const folder = await mkdtemp(join(tmpdir(), 'countersign-interop-'));
  const [intermediate, root] = town.deployment.authority.issuer.chain;
  if (!intermediate || !root) throw new Error('the issuer has no chain');
  const pem = (name: string, label: string, der: Uint8Array): Promise<void> =>
    writeFile(join(folder, name), encodePem(label, der));
  await pem('root.pem', 'CERTIFICATE', root.der);
  await pem('intermediate.pem', 'CERTIFICATE', intermediate.der);
  await writeFile(
    join(folder, 'chain.pem'),
    encodePem('CERTIFICATE', intermediate.der) + encodePem('CERTIFICATE', root.der),
  );
  return {
    town,
    url,
    folder,
    intermediateId: intermediate.subjectKeyId ?? '',
    rootId: root.subjectKeyId ?? '',
    async issue(name) {
      await town.addAgent(name);
      const shown = await town.issue(name);
      await writeFile(join(folder, `${name}.pem`), shown.cert.split(/(?<=END CERTIFICATE-----\n)/)[0] ?? '');
      return shown;
    },
    get: (path, headers = {}) => fetch(`${url}${path}`, { headers }),
    async fetchCrl(path, name) {
      const response = await fetch(`${url}${path}`);
      if (response.status !== 200) throw new Error(`${path}: HTTP ${response.status}`);
      const der = new Uint8Array(await response.arrayBuffer());
      await writeFile(join(folder, `${name}.der`), der);
      await pem(`${name}.pem`, 'X509 CRL', der);
      return der;
    },
    async [Symbol.asyncDispose]() {
      await town[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

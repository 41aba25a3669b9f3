import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { join } from 'node:path';
import { encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import type { ProcessTown } from '../../test/faults/kit/process-town.ts';
import { post, type Presented } from '../../tour/raw-request.ts';

/** Administration over connections that stay open, for thousands of operations. */
export interface Administration extends Disposable {
  ask(operation: string, input: object): Promise<Record<string, string>>;
}

export function openAdministration(town: ProcessTown, connections: number): Administration {
  const read = (name: string): string => readFileSync(join(town.data.admin, name), 'utf8');
  const shown: Presented = {
    ca: readFileSync(town.data.rootCertificate, 'utf8'),
    cert: read('certificate.pem'),
    key: read('key.pem'),
  };
  const agent = new Agent({ keepAlive: true, maxSockets: connections, ...shown });
  return {
    async ask(operation, input) {
      const { status, body, failure } = await post(
        `${town.authorityUrl}/v1/admin/${operation}`,
        shown,
        agent,
        input,
        {},
      );
      if (status !== 200) throw new Error(`${operation}: ${failure ?? body}`);
      return JSON.parse(body) as Record<string, string>;
    },
    [Symbol.dispose]: () => agent.destroy(),
  };
}

/** A key, and a request for a certificate of it, in PEM. */
export function newRequest(name: string): { readonly key: string; readonly csr: string } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: name }));
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }), csr };
}

/** Does something for each number below a count, so many at once. */
export async function inTurns(
  count: number,
  atOnce: number,
  act: (at: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) await act(at);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

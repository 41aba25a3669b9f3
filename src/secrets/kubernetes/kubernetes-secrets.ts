import { readFile } from 'node:fs/promises';
import type { AddressPolicy } from '../../http/address-guard.ts';
import type { WholeResponse } from '../../http/fetch.ts';
import { fromBase64 } from '../../kernel/bytes.ts';
import { isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { createHolderClient } from '../holder-client.ts';
import type { Leased, SecretHolder } from '../holder.ts';
import type { KubernetesSecret } from '../reference.ts';

export interface KubernetesOptions {
  /** The origin of the API server. */
  readonly address: string;
  /** A PEM file with the authority of the cluster. */
  readonly authorities: string;
  readonly addresses: AddressPolicy;
  /** The file with the token of the service account; the platform replaces it. */
  readonly tokenFile: string;
  readonly learn: (secret: string) => void;
}

const called = 'The Kubernetes API';
const longestToken = 16 * 1024;

/** Secrets of Kubernetes, read with the token of the service account that the gateway has in its pod. */
export function createKubernetesSecrets(options: KubernetesOptions): SecretHolder<KubernetesSecret> {
  const { address, authorities, addresses } = options;
  const addressSetting = 'secrets.kubernetes.addresses';
  const client = createHolderClient({ called, addressSetting, authorities, addresses });
  return {
    async read({ namespace, name }, signal) {
      const token = await readToken(options.tokenFile);
      options.learn(token);
      const answer = await client.ask({
        method: 'GET',
        url: `${address}/api/v1/namespaces/${namespace}/secrets/${name}`,
        headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
        signal,
      });
      if (answer.status !== 200) throw refusal(answer.status);
      return readSecret(answer, { namespace, name });
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

async function readToken(path: string): Promise<string> {
  try {
    const text = (await readFile(path, 'utf8')).trim();
    if (/^[\x21-\x7e]+$/.test(text) && text.length <= longestToken) return text;
    throw new Error('it is no token');
  } catch (cause) {
    throw new Fault('secret_unresolved', 'The token of the service account cannot be read.', { cause });
  }
}

/** Secret v1 core: values are base64 of any octets; those that are no text have no field here. */
function readSecret(
  answer: WholeResponse,
  { namespace, name }: Pick<KubernetesSecret, 'namespace' | 'name'>,
): Leased {
  const json = parsed(answer);
  const metadata = isJsonObject(json) ? json['metadata'] : null;
  const own =
    isJsonObject(json) &&
    json['kind'] === 'Secret' &&
    isJsonObject(metadata) &&
    metadata['namespace'] === namespace &&
    metadata['name'] === name;
  if (!own) throw new Fault('unavailable', `${called} answers with something else than the secret.`);
  const { data } = json;
  const fields = new Map<string, string>();
  for (const [key, value] of isJsonObject(data) ? Object.entries(data) : []) {
    const text = textOf(value);
    if (text !== null) fields.set(key, text);
  }
  return { fields, whole: null, lease: null };
}

function parsed(answer: WholeResponse): Json {
  try {
    return answer.json();
  } catch {
    return null;
  }
}

function textOf(value: Json): string | null {
  const octets = typeof value === 'string' ? fromBase64(value) : null;
  if (!octets) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(octets);
  } catch {
    return null;
  }
}

function refusal(status: number): Fault {
  switch (status) {
    case 401:
      return new Fault('secret_unresolved', `${called} does not take the token of the service account.`);
    case 403:
      return new Fault(
        'secret_unresolved',
        `${called} does not permit it to this service account; it needs a role with get on this secret.`,
      );
    case 404:
      return new Fault('secret_unresolved', 'There is no such secret.');
    default:
      return new Fault('unavailable', `${called} answers ${status}.`);
  }
}

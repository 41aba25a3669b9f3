import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { Exchange, Listener, TlsMaterial } from '../http/exchange.ts';
import { listen } from '../http/listen.ts';
import { answerProblem } from '../http/problem.ts';
import { sha256, toHex } from '../kernel/bytes.ts';
import { systemClock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { randomBytes } from '../kernel/random.ts';
import {
  assembleCertificate,
  buildTbs,
  type CertificateTemplate,
  signatureAlgorithmFor,
  signTbs,
  spkiOf,
} from '../x509/build-certificate.ts';
import { type Certificate, readCertificate } from '../x509/certificate.ts';
import { leafProfiles } from '../x509/leaf-profile.ts';
import { writeName } from '../x509/name.ts';
import { decodePem, encodePem } from '../x509/pem.ts';
import { readRequest } from '../x509/request.ts';

/**
 * An authority as the bridge sees it over the wire: root, intermediate, the three routes it calls. The real one is held
 * to the same wire in the journeys; its rooms lie above this one.
 */
export interface FixtureAuthority extends AsyncDisposable {
  readonly url: string;
  readonly root: string;
  readonly fingerprint: string;
  /** Every agent certificate, in the order of issuance. */
  readonly issued: Certificate[];
  /** Tokens that are good once, with their agents. */
  readonly tokens: Map<string, string>;
  /** Milliseconds from issuance of the next certificates. */
  life: number;
  /** What the next renewals fail with, or null. */
  refuse: Fault | null;
  /** Changes the chains that are handed out. */
  spoil: (chain: string) => string;
  /** Called before a renewal is answered. */
  beforeRenewal: () => Promise<void>;
  /** Answers other requests; false for what it does not know. */
  also: (exchange: Exchange) => Promise<boolean>;
  /** The certificate of a listener: a gateway's unless told. */
  material(as?: ListenerKind): TlsMaterial;
  /** A key and certificate of an agent. PEM. */
  agent(name: string): { readonly certificate: string; readonly key: string };
}

/** Who a listener of these specifications is: `files` stands for any MCP server with a certificate. */
export type ListenerKind = 'gateway' | 'authority' | 'files';

const hour = 3_600_000;
const trustDomain = 'example.internal';

export async function startAuthority(): Promise<FixtureAuthority> {
  const signer = createSigner();
  const state = {
    life: hour,
    refuse: null as Fault | null,
    spoil: (chain: string): string => chain,
    beforeRenewal: async (): Promise<void> => undefined,
    also: async (_exchange: Exchange): Promise<boolean> => false,
  };
  const issued: Certificate[] = [];
  const tokens = new Map<string, string>();
  const issueAgent = (name: string, spki: Uint8Array): string => {
    const uris = [`spiffe://${trustDomain}/agent/${name}`];
    const leaf = signer.leaf({ name, spki, life: state.life, uris, usage: ['clientAuth'], ipAddresses: [] });
    issued.push(leaf);
    return pem(leaf.der) + signer.intermediate;
  };

  const handle = async (exchange: Exchange): Promise<void> => {
    if (await state.also(exchange)) return;
    if (exchange.path === '/v1/trust') {
      return await json(exchange, { trustDomain, roots: signer.root, rootFingerprint: signer.fingerprint });
    }
    const body = await exchange.body({ bytes: 100_000, milliseconds: 5_000 });
    const { csr, token } = JSON.parse(Buffer.from(body).toString()) as { csr: string; token?: string };
    const request = readRequest(decodePem(csr, 'CERTIFICATE REQUEST')[0] ?? new Uint8Array());
    if (exchange.path === '/v1/enrol/join-token') {
      const name = tokens.get(token ?? '');
      tokens.delete(token ?? '');
      if (name === undefined) throw new Fault('join_token_invalid', 'The join token is unknown or used.');
      return await json(exchange, delivery(state.spoil(issueAgent(name, request.spki)), signer.root));
    }
    const { certificate } = exchange.connection;
    if (!certificate) throw new Fault('certificate_required', 'This needs a certificate.');
    await state.beforeRenewal();
    if (state.refuse) throw state.refuse;
    const name = readCertificate(certificate).commonName ?? '';
    return await json(exchange, delivery(state.spoil(issueAgent(name, request.spki)), signer.root));
  };

  const listener: Listener = await listen({
    name: 'authority',
    host: '127.0.0.1',
    port: 0,
    tls: { material: signer.material('authority'), clientCertificate: 'optional', minimumVersion: 'TLSv1.3' },
    hosts: [],
    origins: [],
    handle: (exchange) => handle(exchange).catch((error: Fault) => answerProblem(exchange, error)),
    clock: systemClock,
  });
  return Object.assign(state, {
    url: listener.url,
    root: signer.root,
    fingerprint: signer.fingerprint,
    issued,
    tokens,
    material: signer.material,
    agent(name: string) {
      const { privateKey, key } = freshKey();
      return { certificate: issueAgent(name, spkiOf(privateKey)), key };
    },
    [Symbol.asyncDispose]: () => listener.close(),
  });
}

interface Leaf {
  readonly name: string;
  readonly spki: Uint8Array;
  readonly life: number;
  readonly uris: readonly string[];
  readonly usage: CertificateTemplate['extendedKeyUsage'];
  readonly ipAddresses: readonly string[];
}

function createSigner(): {
  readonly root: string;
  readonly intermediate: string;
  readonly fingerprint: string;
  leaf(leaf: Leaf): Certificate;
  material(as?: ListenerKind): TlsMaterial;
} {
  const rootKey = freshKey().privateKey;
  const key = freshKey().privateKey;
  const root = sign({ ...ca('Root', rootKey, 1), issuerDer: writeName({ commonName: 'Root' }) }, rootKey);
  const above = { issuerDer: root.subjectDer, authorityKeyId: root.subjectKeyId };
  const intermediate = sign({ ...ca('Intermediate', key, 0), ...above }, rootKey);
  const leaf = ({ name, spki, life, uris, usage, ipAddresses }: Leaf): Certificate =>
    sign(
      {
        ...times(life),
        serial: serial(),
        issuerDer: intermediate.subjectDer,
        authorityKeyId: intermediate.subjectKeyId,
        subject: { commonName: name },
        spki,
        ca: null,
        keyUsage: ['digitalSignature'],
        extendedKeyUsage: usage,
        uris,
        dnsNames: [],
        ipAddresses,
      },
      key,
    );
  return {
    root: pem(root.der),
    intermediate: pem(intermediate.der),
    fingerprint: `sha256:${toHex(sha256(root.der))}`,
    leaf,
    material(as = 'gateway') {
      const own = freshKey();
      const kind = as === 'gateway' ? 'gateway' : 'server';
      const uris = [`spiffe://${trustDomain}/${kind}/${as}`];
      const usage = leafProfiles[kind].extendedKeyUsage;
      const spki = spkiOf(own.privateKey);
      const served = leaf({ name: as, spki, life: hour, uris, usage, ipAddresses: ['127.0.0.1'] });
      return {
        certificate: pem(served.der) + pem(intermediate.der),
        key: own.key,
        clientAuthorities: pem(root.der),
      };
    },
  };
}

function ca(commonName: string, key: KeyObject, pathLength: number): Omit<CertificateTemplate, 'issuerDer'> {
  return {
    ...times(24 * hour),
    serial: serial(),
    subject: { commonName },
    spki: spkiOf(key),
    ca: { pathLength },
    keyUsage: ['keyCertSign', 'cRLSign'],
    extendedKeyUsage: [],
    uris: [],
    dnsNames: [],
    ipAddresses: [],
    authorityKeyId: null,
  };
}

function sign(template: CertificateTemplate, key: KeyObject): Certificate {
  const algorithm = signatureAlgorithmFor(key);
  const tbs = buildTbs(template, algorithm);
  return readCertificate(assembleCertificate(tbs, algorithm, signTbs(tbs, key)));
}

function times(life: number): { readonly notBefore: number; readonly notAfter: number } {
  const now = Math.floor(systemClock.now() / 1000) * 1000;
  return { notBefore: now - 60_000, notAfter: now + life };
}

function serial(): string {
  return `11${toHex(randomBytes(12))}`;
}

function freshKey(): { readonly privateKey: KeyObject; readonly key: string } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
}

function pem(der: Uint8Array): string {
  return encodePem('CERTIFICATE', der);
}

function delivery(certificate: string, roots: string): object {
  return { certificate, roots };
}

async function json(exchange: Exchange, value: object): Promise<void> {
  await exchange.respond(200, { 'content-type': 'application/json' }, JSON.stringify(value));
}

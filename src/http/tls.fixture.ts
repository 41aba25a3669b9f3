import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { TlsMaterial } from './exchange.ts';

/** A certificate and its key, for specifications of sockets; the real ones come from the authority. */
export interface FixtureCertificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
}

export interface FixtureAuthority {
  /** PEM. */
  readonly certificate: string;
  issue(wish: {
    readonly commonName: string;
    readonly purpose: 'client' | 'server';
    /** Epoch milliseconds; a day from now unless given. */
    readonly notAfter?: number;
    readonly dnsName?: string;
  }): FixtureCertificate;
}

/** A self-signed authority that lives as long as the specification. */
export function createFixtureAuthority(commonName: string): FixtureAuthority {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const shared = { issuer: commonName, issuerKey: privateKey, issuerPublic: publicKey };
  const root = build({ ...shared, subject: commonName, spki: publicKey, extensions: caExtensions });
  return {
    certificate: pem(root),
    issue({ commonName: subject, purpose, notAfter, dnsName = 'localhost' }) {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const extensions = leafExtensions(subject, purpose, dnsName);
      const until = notAfter === undefined ? {} : { notAfter };
      const leaf = build({ ...shared, subject, spki: pair.publicKey, extensions, ...until });
      return {
        certificate: pem(leaf),
        key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      };
    },
  };
}

/** What a listener of a specification shows and trusts. */
export function fixtureMaterial(authority: FixtureAuthority, commonName = 'gateway'): TlsMaterial {
  return { ...authority.issue({ commonName, purpose: 'server' }), clientAuthorities: authority.certificate };
}

interface Plan {
  readonly issuer: string;
  readonly issuerKey: KeyObject;
  readonly issuerPublic: KeyObject;
  readonly subject: string;
  readonly spki: KeyObject;
  readonly extensions: readonly Buffer[];
  readonly notAfter?: number;
}

function build(plan: Plan): Buffer {
  const algorithm = sequence(oid('2a8648ce3d040302'));
  const spki = plan.spki.export({ type: 'spki', format: 'der' });
  const serial = createHash('sha256').update(spki).digest().subarray(0, 12);
  serial[0] = 0x11;
  const end = plan.notAfter ?? Date.UTC(2049, 0, 1);
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    algorithm,
    name(plan.issuer),
    sequence(time(Date.UTC(2020, 0, 1)), time(end)),
    name(plan.subject),
    spki,
    der(0xa3, sequence(...plan.extensions)),
  );
  const signature = sign('sha256', body, plan.issuerKey);
  return sequence(body, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature])));
}

const caExtensions = [
  extension('551d13', sequence(der(0x01, Buffer.from([0xff]))), true),
  extension('551d0f', der(0x03, Buffer.from([1, 0x06])), true),
];

function leafExtensions(subject: string, purpose: 'client' | 'server', dnsName: string): readonly Buffer[] {
  const usage = oid(purpose === 'client' ? '2b06010505070302' : '2b06010505070301');
  const names =
    purpose === 'client'
      ? [der(0x86, Buffer.from(`spiffe://example.internal/agent/${subject}`))]
      : [der(0x82, Buffer.from(dnsName)), der(0x87, Buffer.from([127, 0, 0, 1]))];
  return [
    extension('551d0f', der(0x03, Buffer.from([7, 0x80])), true),
    extension('551d25', sequence(usage)),
    extension('551d11', sequence(...names)),
  ];
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  const flag = critical ? [der(0x01, Buffer.from([0xff]))] : [];
  return sequence(oid(id), ...flag, der(0x04, value));
}

function name(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(commonName)))));
}

function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replace(/[-:T]|\.\d+/g, '');
  return der(0x17, Buffer.from(digits.slice(2)));
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const head =
    length < 128
      ? [tag, length]
      : length < 256
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(head), content]);
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

import { createHash, createSign, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';

/** What a browser is asked, as far as an authenticator looks at it. */
interface Options {
  readonly challenge: string;
  readonly user?: { readonly id: string };
}

/** What may be wrong about an answer. */
export interface Wrong {
  readonly origin?: string;
  readonly host?: string;
  readonly type?: string;
  readonly challenge?: string;
  /** Bits of the authenticator data: 1 present, 4 verified, 8 may be copied, 16 is copied. */
  readonly flags?: number;
  readonly counter?: number;
  readonly handle?: string | null;
  readonly crossOrigin?: boolean;
  /** Signs with another key. */
  readonly key?: KeyObject;
}

/** An authenticator made of software with one ES256 passkey, and the browser before it (WebAuthn Level 3 §6). */
export class SoftPasskey {
  readonly id = randomBytes(16).toString('base64url');
  private readonly keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  private readonly origin: string;
  private handle = '';
  private counter = 0;

  constructor(origin: string) {
    this.origin = origin;
  }

  create({ challenge, user }: Options, wrong: Wrong = {}): object {
    this.handle = user?.id ?? '';
    const { x = '', y = '' } = this.keys.publicKey.export({ format: 'jwk' });
    // COSE_Key of ES256 (RFC 9053 §7.1.1): {1: 2, 3: -7, -1: 1, -2: x, -3: y}.
    const key = Buffer.concat([
      Buffer.from([0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32]),
      Buffer.from(x, 'base64url'),
      Buffer.from([0x22, 0x58, 32]),
      Buffer.from(y, 'base64url'),
    ]);
    const id = Buffer.from(this.id, 'base64url');
    const attested = Buffer.concat([Buffer.alloc(16), Buffer.from([0, id.length]), id, key]);
    const data = Buffer.concat([this.data(0x40 | (wrong.flags ?? 5), wrong), attested]);
    // {"fmt": "none", "attStmt": {}, "authData": data}
    const object = Buffer.concat([
      Buffer.from([0xa3, 0x63]),
      Buffer.from('fmt'),
      Buffer.from([0x64]),
      Buffer.from('none'),
      Buffer.from([0x67]),
      Buffer.from('attStmt'),
      Buffer.from([0xa0, 0x68]),
      Buffer.from('authData'),
      Buffer.from([0x59, data.length >> 8, data.length & 0xff]),
      data,
    ]);
    const client = this.client('webauthn.create', challenge, wrong);
    return this.answer({
      clientDataJSON: client.toString('base64url'),
      attestationObject: object.toString('base64url'),
      transports: ['internal'],
    });
  }

  get({ challenge }: Options, wrong: Wrong = {}): object {
    this.counter += 1;
    const data = this.data(wrong.flags ?? 5, wrong);
    const client = this.client('webauthn.get', challenge, wrong);
    const signature = createSign('sha256')
      .update(Buffer.concat([data, createHash('sha256').update(client).digest()]))
      .sign(wrong.key ?? this.keys.privateKey);
    const handle = wrong.handle === undefined ? this.handle : wrong.handle;
    return this.answer({
      clientDataJSON: client.toString('base64url'),
      authenticatorData: data.toString('base64url'),
      signature: signature.toString('base64url'),
      ...(handle !== null && { userHandle: handle }),
    });
  }

  private data(flags: number, { host, counter }: Wrong): Buffer {
    const hash = createHash('sha256')
      .update(host ?? new URL(this.origin).hostname)
      .digest();
    const rest = Buffer.alloc(5);
    rest.writeUInt8(flags, 0);
    rest.writeUInt32BE(counter ?? this.counter, 1);
    return Buffer.concat([hash, rest]);
  }

  private client(type: string, challenge: string, wrong: Wrong): Buffer {
    return Buffer.from(
      JSON.stringify({
        type: wrong.type ?? type,
        challenge: wrong.challenge ?? challenge,
        origin: wrong.origin ?? this.origin,
        crossOrigin: wrong.crossOrigin ?? false,
      }),
    );
  }

  private answer(response: object): object {
    return { id: this.id, rawId: this.id, type: 'public-key', clientExtensionResults: {}, response };
  }
}

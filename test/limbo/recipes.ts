/** Keys that certificates of the corpus are for. */
export type KeyKind = 'P-256' | 'P-384' | 'secp256k1' | 'RSA-1024' | 'RSA-2048';

/** What one certificate of a case is to be. */
interface Wish {
  readonly key: KeyKind;
  readonly subject: string;
  /** Minutes from now. */
  readonly from: number;
  readonly until: number;
  /** Octets of the INTEGER, in hex. */
  readonly serial: string;
  readonly digest: string;
  /** Lines of an extension file of openssl. */
  readonly extensions: readonly string[];
  /** Whether the last of them is to stand there twice. */
  readonly lastTwice?: boolean;
}

/** One case: a chain, what is wrong with it, and whether it is to be accepted. */
export interface Recipe {
  readonly id: string;
  readonly why: string;
  readonly kind: 'CLIENT' | 'SERVER';
  readonly root: Wish;
  readonly intermediates: readonly Wish[];
  readonly leaf: Wish;
  readonly trusts: 'root' | 'stranger' | 'no intermediate';
  readonly spoil: ((der: Buffer) => Uint8Array) | null;
  readonly accepted: boolean;
}

const day = 24 * 60;

const root: Wish = {
  key: 'P-256',
  subject: '/CN=Limbo Root',
  from: -60,
  until: 3_650 * day,
  serial: '1234567890abcdef',
  digest: 'sha256',
  extensions: [
    'basicConstraints=critical,CA:TRUE',
    'keyUsage=critical,keyCertSign,cRLSign',
    'subjectKeyIdentifier=hash',
  ],
};

const intermediate: Wish = {
  ...root,
  subject: '/CN=Limbo Intermediate',
  until: 365 * day,
  serial: '2234567890abcdef',
  extensions: [
    'basicConstraints=critical,CA:TRUE,pathlen:0',
    'keyUsage=critical,keyCertSign,cRLSign',
    'subjectKeyIdentifier=hash',
    'authorityKeyIdentifier=keyid',
    'nameConstraints=critical,permitted;URI:limbo.internal,permitted;DNS:localhost',
  ],
};

const common = [
  'basicConstraints=critical,CA:FALSE',
  'keyUsage=critical,digitalSignature',
  'subjectKeyIdentifier=hash',
  'authorityKeyIdentifier=keyid',
];
const san = (text: string): string => `subjectAltName=${text}`;
const agentName = san('URI:spiffe://limbo.internal/agent/bot');
const gatewayName = san('URI:spiffe://limbo.internal/gateway/edge,DNS:localhost');

const leaves = {
  CLIENT: { extensions: [...common, 'extendedKeyUsage=clientAuth', agentName], subject: '/CN=bot' },
  SERVER: {
    extensions: [...common, 'extendedKeyUsage=clientAuth,serverAuth', gatewayName],
    subject: '/CN=edge',
  },
};

function leaf(kind: Recipe['kind']): Wish {
  return { ...root, ...leaves[kind], until: 50, serial: '3234567890abcdef' };
}

type Change = Partial<Omit<Recipe, 'leaf' | 'intermediates' | 'root'>> & {
  readonly leaf?: Partial<Wish>;
  readonly intermediate?: Partial<Wish>;
  readonly root?: Partial<Wish>;
  readonly intermediates?: readonly Wish[];
};

function recipe(kind: Recipe['kind'], id: string, why: string, change: Change = {}): Recipe {
  const { leaf: ofLeaf, intermediate: ofIntermediate, root: ofRoot, ...rest } = change;
  return {
    id: `${kind.toLowerCase()}::${id}`,
    why,
    kind,
    intermediates: [{ ...intermediate, ...ofIntermediate }],
    trusts: 'root',
    spoil: null,
    accepted: false,
    ...rest,
    root: { ...root, ...ofRoot },
    leaf: { ...leaf(kind), ...ofLeaf },
  };
}

/** The extensions of a wish, with those that begin alike replaced, or left out. */
function but(lines: readonly string[], begins: string, ...instead: string[]): readonly string[] {
  return [...lines.filter((line) => !line.startsWith(begins)), ...instead];
}

/** What is wrong for clients and servers alike. */
function alike(kind: Recipe['kind']): readonly Recipe[] {
  const { extensions } = leaf(kind);
  const wrong = (id: string, why: string, change: Change): Recipe => recipe(kind, id, why, change);
  const with_ = (begins: string, ...instead: string[]): Change => ({
    leaf: { extensions: but(extensions, begins, ...instead) },
  });
  const above = (begins: string, ...instead: string[]): Change => ({
    intermediate: { extensions: but(intermediate.extensions, begins, ...instead) },
  });
  const purpose = extensions.find((line) => line.startsWith('extendedKeyUsage')) ?? '';
  const other = kind === 'CLIENT' ? 'serverAuth' : 'clientAuth';
  const uri =
    kind === 'CLIENT' ? 'spiffe://limbo.internal/agent/bot' : 'spiffe://limbo.internal/gateway/edge';
  return [
    recipe(kind, 'good', 'a chain as it should be', { accepted: true }),
    recipe(kind, 'good-p384', 'a leaf for a key on P-384', { leaf: { key: 'P-384' }, accepted: true }),
    recipe(kind, 'good-rsa', 'a leaf for an RSA key of 2048 bits', {
      leaf: { key: 'RSA-2048' },
      accepted: true,
    }),
    recipe(kind, 'good-rsa-root', 'a root with an RSA key', { root: { key: 'RSA-2048' }, accepted: true }),
    wrong('expired', 'the leaf has ended', { leaf: { from: -60, until: -10 } }),
    wrong('not-yet', 'the leaf has not begun', { leaf: { from: 30 } }),
    wrong('expired-intermediate', 'the intermediate has ended', { intermediate: { from: -60, until: -10 } }),
    wrong('expired-root', 'the root has ended', { root: { from: -60, until: -10 } }),
    wrong('stranger', 'another root of the same form is trusted', { trusts: 'stranger' }),
    wrong('no-intermediate', 'the intermediate is not sent', { trusts: 'no intermediate' }),
    wrong('ca-leaf', 'the leaf is a CA', with_('basicConstraints', 'basicConstraints=critical,CA:TRUE')),
    wrong(
      'cert-sign-leaf',
      'the leaf may sign certificates',
      with_('keyUsage', 'keyUsage=critical,digitalSignature,keyCertSign'),
    ),
    wrong('no-purpose', 'no extended key usage', with_('extendedKeyUsage')),
    wrong('other-purpose', `only ${other}`, with_('extendedKeyUsage', `extendedKeyUsage=${other}`)),
    wrong(
      'any-purpose',
      'anyExtendedKeyUsage beside its own',
      with_('extendedKeyUsage', `${purpose},anyExtendedKeyUsage`),
    ),
    wrong('no-san', 'no name but the common name', with_('subjectAltName')),
    wrong(
      'two-uris',
      'two SPIFFE IDs',
      with_('subjectAltName', san(`URI:${uri},URI:${uri}-2,DNS:localhost`)),
    ),
    wrong(
      'other-domain',
      'another trust domain',
      with_('subjectAltName', san(`URI:${uri.replace('limbo.internal', 'other.internal')},DNS:localhost`)),
    ),
    wrong(
      'sub-domain',
      'a trust domain below ours',
      with_('subjectAltName', san(`URI:${uri.replace('limbo.internal', 'a.limbo.internal')},DNS:localhost`)),
    ),
    wrong(
      'upper-case',
      'a trust domain in upper case',
      with_('subjectAltName', san(`URI:${uri.replace('limbo', 'LIMBO')},DNS:localhost`)),
    ),
    wrong(
      'uri-query',
      'a SPIFFE ID with a query',
      with_('subjectAltName', san(`URI:${uri}?x,DNS:localhost`)),
    ),
    wrong(
      'uri-dots',
      'a SPIFFE ID with a dot segment',
      with_(
        'subjectAltName',
        san(`URI:${uri.replace('/edge', '/../gateway/edge').replace('/bot', '/../agent/bot')},DNS:localhost`),
      ),
    ),
    wrong(
      'uri-scheme',
      'a URI that is no SPIFFE ID',
      with_('subjectAltName', san(`URI:${uri.replace('spiffe', 'https')},DNS:localhost`)),
    ),
    wrong(
      'uri-port',
      'a trust domain with a port',
      with_('subjectAltName', san(`URI:${uri.replace('internal/', 'internal:443/')},DNS:localhost`)),
    ),
    wrong(
      'email',
      'an e-mail address beside the SPIFFE ID',
      with_('subjectAltName', san(`URI:${uri},email:a@limbo.internal,DNS:localhost`)),
    ),
    wrong('other-common-name', 'a common name that is not the name in the SPIFFE ID', {
      leaf: { subject: '/CN=other' },
    }),
    wrong(
      'unknown-critical',
      'a critical extension that nobody knows',
      with_('none', '1.2.3.4.5=critical,ASN1:NULL'),
    ),
    wrong('long-life', 'a life of a year', { leaf: { until: 365 * day - 1 } }),
    wrong('zero-serial', 'the serial 0', { leaf: { serial: '00' } }),
    wrong('negative-serial', 'a negative serial', { leaf: { serial: 'fb' } }),
    wrong('long-serial', 'a serial of 21 octets', { leaf: { serial: `12${'34'.repeat(20)}` } }),
    wrong('rsa-1024', 'an RSA key of 1024 bits', { leaf: { key: 'RSA-1024' } }),
    wrong('secp256k1', 'a key on secp256k1', { leaf: { key: 'secp256k1' } }),
    wrong('sha1', 'signed over SHA-1', { leaf: { digest: 'sha1' } }),
    wrong('sha1-intermediate', 'an intermediate signed over SHA-1', { intermediate: { digest: 'sha1' } }),
    wrong('rsa-1024-intermediate', 'an intermediate with an RSA key of 1024 bits', {
      intermediate: { key: 'RSA-1024' },
    }),
    wrong('no-extensions', 'a leaf without extensions, as from a CA made by hand', {
      leaf: { extensions: [] },
    }),
    wrong(
      'intermediate-no-ca',
      'an intermediate that is no CA',
      above('basicConstraints', 'basicConstraints=critical,CA:FALSE'),
    ),
    wrong(
      'intermediate-no-constraints',
      'an intermediate without basic constraints',
      above('basicConstraints'),
    ),
    wrong(
      'intermediate-key-usage',
      'an intermediate that may not sign certificates',
      above('keyUsage', 'keyUsage=critical,digitalSignature'),
    ),
    wrong(
      'intermediate-unknown-critical',
      'an intermediate with a critical extension that nobody knows',
      above('none', '1.2.3.4.5=critical,ASN1:NULL'),
    ),
    wrong('path-length', 'a second intermediate below one of path length 0', {
      intermediates: [intermediate, { ...intermediate, subject: '/CN=Second' }],
    }),
    wrong('root-path-length', 'an intermediate below a root of path length 0', {
      root: {
        extensions: but(root.extensions, 'basicConstraints', 'basicConstraints=critical,CA:TRUE,pathlen:0'),
      },
    }),
    wrong('leaf-issuer', 'a leaf signed by a leaf', {
      intermediates: [{ ...leaf(kind), subject: '/CN=Leaf' }],
    }),
    wrong(
      'excluded',
      'a URI that the intermediate excludes',
      above('nameConstraints', 'nameConstraints=critical,excluded;URI:limbo.internal'),
    ),
    wrong(
      'not-permitted',
      'a URI that the intermediate does not permit',
      above('nameConstraints', 'nameConstraints=critical,permitted;URI:other.internal'),
    ),
    wrong('key-id', 'the key identifier of another issuer', {
      leaf: {
        extensions: but(
          extensions,
          'authorityKeyIdentifier',
          '2.5.29.35=DER:3016801400112233445566778899aabbccddeeff00112233',
        ),
      },
    }),
    wrong('signature', 'one bit of the signature is another', {
      spoil: (der) => flipped(der, der.length - 3),
    }),
    wrong('trailing', 'an octet behind the certificate', {
      spoil: (der) => Buffer.concat([der, Buffer.of(0)]),
    }),
    wrong('twice', 'an extension twice', { leaf: { lastTwice: true } }),
  ];
}

function flipped(der: Buffer, at: number): Uint8Array {
  const copy = Buffer.from(der);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

/** Every case, good ones first. */
export const caseList: readonly Recipe[] = [
  ...alike('CLIENT'),
  recipe('CLIENT', 'two-purposes', 'for clients and servers', {
    leaf: { extensions: [...common, 'extendedKeyUsage=clientAuth,serverAuth', agentName] },
  }),
  recipe('CLIENT', 'gateway', 'the certificate of a gateway', {
    leaf: { subject: '/CN=edge', extensions: [...common, 'extendedKeyUsage=clientAuth', gatewayName] },
  }),
  recipe('CLIENT', 'dns', 'a DNS name, which agents do not carry', {
    leaf: {
      extensions: [
        ...common,
        'extendedKeyUsage=clientAuth',
        san('URI:spiffe://limbo.internal/agent/bot,DNS:localhost'),
      ],
    },
  }),
  ...alike('SERVER'),
  recipe('SERVER', 'one-purpose', 'a gateway for servers alone', {
    leaf: { extensions: [...common, 'extendedKeyUsage=serverAuth', gatewayName] },
  }),
  recipe('SERVER', 'agent', 'the certificate of an agent', {
    leaf: {
      subject: '/CN=bot',
      extensions: [
        ...common,
        'extendedKeyUsage=serverAuth',
        san('URI:spiffe://limbo.internal/agent/bot,DNS:localhost'),
      ],
    },
  }),
  recipe('SERVER', 'server', 'the certificate of an MCP server', {
    leaf: {
      subject: '/CN=edge',
      extensions: [
        ...common,
        'extendedKeyUsage=serverAuth',
        san('URI:spiffe://limbo.internal/server/edge,DNS:localhost'),
      ],
    },
  }),
  recipe('SERVER', 'other-host', 'a DNS name of another host', {
    leaf: {
      extensions: [
        ...common,
        'extendedKeyUsage=clientAuth,serverAuth',
        san('URI:spiffe://limbo.internal/gateway/edge,DNS:other.localhost'),
      ],
    },
  }),
  recipe('SERVER', 'no-host', 'no DNS name, and localhost as common name', {
    leaf: {
      subject: '/CN=localhost',
      extensions: [
        ...common,
        'extendedKeyUsage=clientAuth,serverAuth',
        san('URI:spiffe://limbo.internal/gateway/localhost'),
      ],
    },
  }),
];

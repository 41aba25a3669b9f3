/** A signature algorithm of COSE (RFC 9053 §2.1, RFC 8812 §2) as Node knows it. */
export interface CoseAlgorithm {
  readonly hash: 'sha256' | 'sha384' | 'sha512';
  readonly key: 'ec' | 'rsa';
}

/** Those that a statement may be signed with, by their COSE number. RS1 (-65535), SHA-1, is not among them. */
export const coseAlgorithms: ReadonlyMap<number, CoseAlgorithm> = new Map([
  [-7, { hash: 'sha256', key: 'ec' }],
  [-35, { hash: 'sha384', key: 'ec' }],
  [-36, { hash: 'sha512', key: 'ec' }],
  [-257, { hash: 'sha256', key: 'rsa' }],
  [-258, { hash: 'sha384', key: 'rsa' }],
  [-259, { hash: 'sha512', key: 'rsa' }],
]);

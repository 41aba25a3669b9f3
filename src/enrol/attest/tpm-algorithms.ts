/** TPM_ALG_ID (TPM 2.0 Library Specification, Part 2, §6.3), those that attestations of keys have. */
export const tpmAlgorithms = {
  rsa: 0x0001,
  null: 0x0010,
  rsassa: 0x0014,
  rsapss: 0x0016,
  ecdsa: 0x0018,
  ecc: 0x0023,
} as const;

/** Hashes by their TPM_ALG_ID. SHA-1 is not among them. */
export const tpmHashes: ReadonlyMap<number, 'sha256' | 'sha384' | 'sha512'> = new Map([
  [0x000b, 'sha256'],
  [0x000c, 'sha384'],
  [0x000d, 'sha512'],
]);

/** Curves by their TPM_ECC_CURVE (Part 2, §6.4), with the octets of a coordinate. */
export const tpmCurves: ReadonlyMap<number, { readonly crv: string; readonly size: number }> = new Map([
  [0x0003, { crv: 'P-256', size: 32 }],
  [0x0004, { crv: 'P-384', size: 48 }],
  [0x0005, { crv: 'P-521', size: 66 }],
]);

import { z } from 'zod';

const pem = z.string().includes('-----BEGIN');
const peerName = z.object({ kind: z.enum(['RFC822', 'DNS', 'IP']), value: z.string() });
const list = <Item extends z.ZodType>(item: Item) =>
  z
    .array(item)
    .nullish()
    .transform((given) => given ?? []);

const testcase = z.object({
  id: z.string(),
  description: z.string(),
  features: list(z.string()),
  /** `CLIENT`: a server checks the certificate of a client; `SERVER`: the other way round. */
  validation_kind: z.enum(['CLIENT', 'SERVER']),
  trusted_certs: z.array(pem),
  untrusted_intermediates: z.array(pem),
  peer_certificate: pem,
  peer_certificate_key: z.string().nullish(),
  /** Now, when null. */
  validation_time: z.string().nullish(),
  expected_result: z.enum(['SUCCESS', 'FAILURE']),
  expected_peer_name: peerName.nullish(),
  max_chain_depth: z.number().nullish(),
});

const limbo = z.object({ version: z.literal(1), testcases: z.array(testcase) });

/** One case of a corpus. */
export type LimboCase = z.output<typeof testcase>;

/** The cases of a corpus in the format of x509-limbo (github.com/C2SP/x509-limbo), whoever made it. Throws ZodError. */
export function readCorpus(json: unknown): readonly LimboCase[] {
  return limbo.parse(json).testcases;
}

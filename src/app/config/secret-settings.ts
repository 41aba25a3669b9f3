import { z } from 'zod';

/** Where secrets of MCP servers are, as it is read. */
export type SecretConfig = z.output<typeof secretSettings>;

const place =
  /^(https:\/\/([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?|http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?)?$/;
const reference = /^(env:[A-Za-z_][A-Za-z0-9_]*|file:\/\S+)?$/;
const mount = /^([\w.-]+(\/[\w.-]+)*)?$/;
const file = /^(\/.*|[A-Za-z]:\\.*)?$/;
const notPlace = 'must be https://host:port; http is for this machine alone';
const notReference = 'must be env:NAME or file:/path, where the secret is';
const notFile = 'must be an absolute path';

/** Where every pod has what it needs to speak to its cluster. */
const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount';

const vault = z
  .strictObject({
    address: z.string().regex(place, notPlace).max(300).default('').meta({
      description:
        'Where Vault or OpenBao is, for references that begin with vault:. Empty: it is not asked.',
      reason: 'Only you know where it is.',
    }),
    namespace: z.string().max(300).default('').meta({
      description: 'The namespace of Vault; empty: none.',
      reason: 'Most have none.',
    }),
    ca: z.string().regex(file, notFile).max(1_024).default('').meta({
      description:
        'A file with the only authorities that vouch for Vault, in PEM; empty: those of the system.',
      reason: 'Whoever has an authority of their own names it.',
    }),
    addresses: addresses('Vault'),
    login: z.enum(['certificate', 'approle', 'kubernetes', 'token']).default('certificate').meta({
      description:
        'How the gateway logs in: with its own certificate, with AppRole, with the token of its service account, or with a token that somebody else keeps alive.',
      reason:
        'The gateway has a certificate, which is renewed by itself; nothing else has to be kept for it.',
    }),
    mount: z.string().regex(mount).max(300).default('').meta({
      description: 'Where that way to log in is mounted; empty: at cert, approle or kubernetes.',
      reason: 'The names that Vault itself gives them.',
    }),
    role: z.string().max(300).default('').meta({
      description:
        'The role of the login with a certificate or a service account; empty: with a certificate any that fits.',
      reason: 'Vault finds the role that a certificate fits.',
    }),
    roleId: z.string().max(300).default('').meta({
      description: 'The role id of AppRole.',
      reason: 'It is no secret, and there is none to begin with.',
    }),
    secretId: z.string().regex(reference, notReference).max(1_024).default('').meta({
      description: 'Where the secret id of AppRole is, as env:NAME or file:/path.',
      reason: 'There is none to begin with.',
    }),
    token: z.string().regex(reference, notReference).max(1_024).default('').meta({
      description:
        'Where the token is, for the login token, as env:NAME or file:/path; read again for every request.',
      reason: 'There is none to begin with.',
    }),
    serviceAccount: z.string().regex(file, notFile).max(1_024).default(`${serviceAccount}/token`).meta({
      description: 'The file with the token of the service account, for the login kubernetes.',
      reason: 'Where every pod has it.',
    }),
  })
  .prefault({})
  .refine(({ login, roleId, secretId }) => login !== 'approle' || (roleId !== '' && secretId !== ''), {
    message: 'needs roleId and secretId for the login approle',
  })
  .refine(({ login, role }) => login !== 'kubernetes' || role !== '', {
    message: 'needs role for the login kubernetes',
  })
  .refine(({ login, token }) => login !== 'token' || token !== '', {
    message: 'needs token for the login token',
  });

const aws = z
  .strictObject({
    region: z
      .string()
      .regex(/^([a-z]{2}(-[a-z]+)+-\d)?$/, 'must be the name of a region, such as eu-central-1')
      .default('')
      .meta({
        description:
          'The region of AWS Secrets Manager, for references that begin with aws-sm:; an ARN names its own. Empty: it is not asked.',
        reason: 'Only you know where they are.',
      }),
    endpoint: z.string().regex(place, notPlace).max(300).default('').meta({
      description: 'Another address than the one of AWS itself, such as a VPC endpoint; empty: that one.',
      reason: 'Most reach AWS over the internet.',
    }),
    addresses: addresses('AWS Secrets Manager'),
    profile: z.string().max(300).default('').meta({
      description:
        'A profile of the shared AWS files, for which @aws-sdk/client-kms has to be installed; empty: AWS_ACCESS_KEY_ID or what that package finds.',
      reason: 'Credentials come the way every AWS program gets them.',
    }),
  })
  .prefault({});

const kubernetes = z
  .strictObject({
    address: z.string().regex(place, notPlace).max(300).default('').meta({
      description:
        'The API server of Kubernetes, for references that begin with k8s:; in a pod https://kubernetes.default.svc. Empty: it is not asked.',
      reason: 'A gateway in a pod has no right to secrets unless somebody gives it one.',
    }),
    ca: z.string().regex(file, notFile).max(1_024).default(`${serviceAccount}/ca.crt`).meta({
      description: 'A file with the authority of the cluster, in PEM.',
      reason: 'Where every pod has it.',
    }),
    addresses: addresses('the API server'),
    serviceAccount: z.string().regex(file, notFile).max(1_024).default(`${serviceAccount}/token`).meta({
      description: 'The file with the token of the service account, read again for every request.',
      reason: 'Where every pod has it, and where the platform replaces it.',
    }),
  })
  .prefault({});

/** The settings of the programs that hold secrets. */
export const secretSettings = z
  .strictObject({
    holdMilliseconds: z.int().min(0).max(3_600_000).default(5_000).meta({
      description:
        'How long the value of a secret without a lease is used before it is read again, in milliseconds.',
      reason:
        'What was changed counts after so long, and at once when the server refuses the old value; a busy gateway asks once in that time.',
    }),
    outageMilliseconds: z.int().min(0).max(86_400_000).default(0).meta({
      description:
        'How much longer the last value is used while its holder does not answer, in milliseconds. A holder that refuses is obeyed at once.',
      reason: 'A call whose secret cannot be looked at is not made, unless somebody decides that it may be.',
    }),
    vault,
    aws,
    kubernetes,
  })
  .prefault({});

function addresses(whose: string) {
  return z
    .enum(['public', 'any'])
    .default('public')
    .meta({
      description: `Whether ${whose} may have an address that is not public.`,
      reason:
        'A name that leads into the own network is a way to ask it for something; only you can say that it is meant.',
    });
}

import { z } from 'zod';

/** The settings of the authorization server, as they are read. */
export type TokenConfig = z.output<typeof tokenSettings>;

/** RFC 8414 §2, without a path: its metadata is then where every client looks first. */
const origin = /^(https:\/\/([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(:\d{1,5})?)?$/;
const rangePattern = /^(public|private|loopback|[0-9A-Fa-f:.]{2,45}\/\d{1,3})$/;
/** RFC 6749 §3.3. */
const scope = /^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/;

function address(description: string, reason: string) {
  return z
    .string()
    .regex(origin, 'must be an address such as https://authority.example.internal:8444, without a path')
    .max(300)
    .default('')
    .meta({ description, reason });
}

function scopeList(value: readonly string[], description: string, reason: string) {
  return z
    .array(z.string().regex(scope))
    .max(100)
    .default([...value])
    .meta({ description, reason });
}

/** The settings of the authorization server. */
export const tokenSettings = z
  .strictObject({
    door: z.enum(['open', 'closed']).default('open').meta({
      description: 'Whether access tokens are issued, at /token of the authority listener.',
      reason:
        'They are bound to a certificate that the authority has issued, so nobody gets one who has none.',
    }),
    issuer: address(
      'Where others reach the authority listener; it is the issuer of the tokens. Empty: the address that it listens on.',
      'Only you know the name.',
    ),
    peopleUrl: address(
      'Where browsers reach the people listener. Empty: the address that it listens on.',
      'Only you know the name.',
    ),
    accessSeconds: z.int().min(30).max(300).default(300).meta({
      description: 'How long an access token lives, in seconds.',
      reason: 'Short enough that rights that were taken away are gone soon even where nobody is told.',
    }),
    refreshDays: z.int().min(1).max(90).default(14).meta({
      description: 'How long a person stays logged in through a client that goes on asking, in days.',
      reason: 'Two weeks of holidays; a client that is not used for longer asks the person again.',
    }),
    scopes: scopeList(
      ['mcp'],
      'Scopes that a token may have.',
      'One that says nothing but that the token is for MCP; what an agent may do is decided by policies.',
    ),
    defaultScopes: scopeList(
      ['mcp'],
      'Scopes that are asked for where a client names none.',
      'Clients may leave the scope out, and a token without any is of no use.',
    ),
    agentScopes: scopeList(
      ['mcp'],
      'Scopes that an agent has by itself; the others need a person.',
      'What an agent asks for by itself nobody has consented to.',
    ),
    clientDocuments: z.enum(['accepted', 'refused']).default('accepted').meta({
      description: 'Whether programs may be clients whose id is the URL of a document that describes them.',
      reason:
        'It is how MCP clients of others introduce themselves; a person decides, and sees the host of that URL.',
    }),
    clientRegistration: z.enum(['closed', 'open']).default('closed').meta({
      description:
        'Whether programs may register themselves as clients, at /register (RFC 7591). MCP has it for old clients alone.',
      reason: 'Nobody vouches for what such a client says of itself, and strangers fill the store.',
    }),
    clientAddresses: z
      .array(
        z.string().regex(rangePattern, 'must be public, private, loopback or a range such as 10.1.0.0/16'),
      )
      .default(['public'])
      .meta({
        description:
          'Addresses where such documents may be fetched: public, private, loopback, or ranges such as 10.1.0.0/16.',
        reason: 'Strangers choose where the authority connects to.',
      }),
    clientAuthorities: z.string().max(1_024).default('').meta({
      description:
        'A file of the only authorities that vouch for where such documents lie; empty: those of the system.',
      reason: 'Documents of public programs lie at public servers.',
    }),
  })
  .prefault({});

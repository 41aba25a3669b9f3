import { isIP } from 'node:net';
import { z } from 'zod';

const rangePattern = /^(public|private|loopback|[0-9A-Fa-f:.]{2,45}\/\d{1,3})$/;

/** The settings of the ACME door. */
export const acmeSettings = z
  .strictObject({
    door: z.enum(['open', 'closed']).default('open').meta({
      description: 'Whether the ACME door is open, at /acme/directory of the authority listener.',
      reason: 'It gives nothing to anybody without an external account key that an administrator made.',
    }),
    addresses: z
      .array(
        z.string().regex(rangePattern, 'must be public, private, loopback or a range such as 10.1.0.0/16'),
      )
      .default(['public'])
      .meta({
        description:
          'Addresses where challenges may be looked at: public, private, loopback, or ranges such as 10.1.0.0/16.',
        reason:
          'Clients choose where the authority connects to: the networks of the organisation are named by somebody who knows them.',
      }),
    resolvers: z
      .array(z.string().refine(isResolver, 'must be an address, perhaps with a port'))
      .default([])
      .meta({
        description:
          'Name servers that are asked when a challenge is looked at, such as 10.0.0.53; none: those of the machine.',
        reason: 'The machine resolves the names of its network already.',
      }),
    httpPort: z.int().min(1).max(65_535).default(80).meta({
      description: 'Port where an http-01 challenge is looked at.',
      reason: 'RFC 8555 §8.3 has no other; only who controls a machine can listen there.',
    }),
    tlsPort: z.int().min(1).max(65_535).default(443).meta({
      description: 'Port where a tls-alpn-01 challenge is looked at.',
      reason: 'RFC 8737 §3 has no other.',
    }),
  })
  .prefault({});

/** An IP address, in brackets with a port when it is IPv6. */
function isResolver(text: string): boolean {
  if (isIP(text) !== 0) return true;
  const [, six, four, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = six ?? four ?? '';
  return isIP(host) === (six === undefined ? 4 : 6) && Number(port) > 0 && Number(port) < 65_536;
}

import { z } from 'zod';
import { Fault } from '../../kernel/fault.ts';
import { namePattern } from '../../x509/leaf-profile.ts';
import { answerJson, readObject } from './json-exchange.ts';
import type { Route } from './route.ts';

const order = z.strictObject({
  name: z.string().min(1).max(64),
  purpose: z.string().trim().min(1).max(500),
  roles: z.array(z.string().regex(namePattern)).max(50).default([]),
  csr: z.string().max(65_536),
});

/** The door of sub-agents: an agent enrols one that works for it. `docs/guides/sub-agents.md`. */
export const subAgentRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: /^\/v1\/enrol\/sub-agent$/,
    kinds: ['agent', 'ephemeral'],
    async answer({ exchange, authority, holder }) {
      if (!holder) throw new Fault('certificate_required', 'This needs the certificate of an agent.');
      const read = order.safeParse(await readObject(exchange));
      if (!read.success) {
        const [issue] = read.error.issues;
        throw new Fault('invalid_input', `${issue?.path.join('.') || 'The body'}: ${issue?.message}.`);
      }
      const { address } = exchange.connection;
      await answerJson(exchange, {
        ...(await authority.enrolSubAgent({ ...read.data, holder: holder.record, address })),
      });
    },
  },
];

import { z } from 'zod';
import { type Operation, operation } from './operation.ts';

const version = z.string().regex(/^[\w-]{43}$/, 'must be the version that `policy pending` shows');
const reason = z.string().trim().min(1).max(500);

/** The acts on policies that wait for another administrator. */
export const policyOperations: readonly Operation[] = [
  operation('policy.pending', false, z.strictObject({}), async ({ policies }) => {
    const pending = await policies.pending();
    if (!pending) return null;
    const { files, lines, ...rest } = pending;
    return { ...rest, lines: [...lines], files: files.map(({ name, text }) => ({ name, text })) };
  }),
  operation('policy.approve', true, z.strictObject({ version }), async ({ policies }, input, actor) => {
    await policies.approve(input.version, actor);
    return { approved: input.version };
  }),
  operation(
    'policy.reject',
    true,
    z.strictObject({ version, reason }),
    async ({ policies }, input, actor) => {
      await policies.reject(input.version, actor, input.reason);
      return { rejected: input.version };
    },
  ),
];

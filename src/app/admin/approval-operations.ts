import { z } from 'zod';
import type { ApprovalRecord } from '../../enrol/approval/approval-records.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { type Operation, operation } from './operation.ts';

const id = z.string().max(64);
const text = z.string().trim().min(1).max(500);

/** The acts on requests that wait for an administrator. */
export const approvalOperations: readonly Operation[] = [
  operation(
    'approval.list',
    false,
    z.strictObject({ all: z.boolean().default(false) }),
    async (authority, { all }) => {
      const now = authority.clock.now();
      const records = (await authority.store.approvals.list()).map((record) => summary(record, now));
      return records.filter(({ state }) => all || state === 'waiting');
    },
  ),
  operation('approval.show', false, z.strictObject({ id }), async ({ store, clock }, input) => {
    const record = await store.approvals.find(input.id);
    if (record) return summary(record, clock.now());
    throw new Fault('not_found', `No request ${input.id} waits. See: countersign approval list`);
  }),
  operation(
    'approval.grant',
    true,
    z.strictObject({ id, reason: text.nullable().default(null) }),
    async (authority, { id: wanted, reason }, actor) =>
      summary(
        await authority.decide(wanted, { state: 'granted', by: actor.name, reason }),
        authority.clock.now(),
      ),
  ),
  operation('approval.refuse', true, z.strictObject({ id, reason: text }), async (authority, input, actor) =>
    summary(
      await authority.decide(input.id, { state: 'refused', by: actor.name, reason: input.reason }),
      authority.clock.now(),
    ),
  ),
];

/** A request with its state as of now: one that is over is neither waiting nor granted any more. */
function summary(
  record: ApprovalRecord,
  now: number,
): { readonly state: string; readonly [member: string]: Json } {
  const open = record.state === 'waiting' || record.state === 'granted';
  const { dnsNames, ipAddresses, ...rest } = record;
  return {
    ...rest,
    dnsNames: [...dnsNames],
    ipAddresses: [...ipAddresses],
    state: open && now >= record.expiresAt ? 'over' : record.state,
  };
}

import { z } from 'zod';
import type { CallApproval } from '../approvals/call-approval-records.ts';
import type { Json, JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { type Operation, operation } from './operation.ts';

const id = z.string().max(64);
const text = z.string().trim().min(1).max(500);

/** The acts on calls that wait to be approved. */
export const callApprovalOperations: readonly Operation[] = [
  operation(
    'call-approval.list',
    false,
    z.strictObject({ all: z.boolean().default(false) }),
    async ({ store, clock }, { all }) => {
      const shown = (await store.callApprovals.list(all)).map((record) => summary(record, clock.now()));
      return shown
        .filter(({ state }) => all || state === 'waiting' || state === 'granted')
        .map(withoutParams);
    },
  ),
  operation('call-approval.show', false, z.strictObject({ id }), async ({ store, clock }, input) => {
    const record = await store.callApprovals.find(input.id);
    if (record) return summary(record, clock.now());
    throw new Fault('not_found', `No call ${input.id} waits. See: countersign call-approval list`);
  }),
  operation(
    'call-approval.grant',
    true,
    z.strictObject({ id, reason: text.nullable().default(null) }),
    async ({ callApprovals, clock }, { id: wanted, reason }, actor) =>
      summary(await callApprovals.decide(wanted, { state: 'granted', reason }, actor), clock.now()),
  ),
  operation(
    'call-approval.refuse',
    true,
    z.strictObject({ id, reason: text }),
    async ({ callApprovals, clock }, { id: wanted, reason }, actor) =>
      summary(await callApprovals.decide(wanted, { state: 'refused', reason }, actor), clock.now()),
  ),
];

/** A call with its state as of now: one that is over neither waits nor can be used any more. */
function summary(record: CallApproval, now: number): JsonObject {
  const open = record.state === 'waiting' || record.state === 'granted';
  const state = open && now >= record.expiresAt ? 'over' : record.state;
  return { ...record, asks: record.asks.map((ask) => ({ ...ask })), state };
}

function withoutParams({ params: _params, ...rest }: JsonObject): Json {
  return rest;
}

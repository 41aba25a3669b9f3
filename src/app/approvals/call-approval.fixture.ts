import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditEvent } from '../../audit/log.ts';
import type { AskedCall } from '../../gateway/approval/call-approvals.ts';
import { steppedClock } from '../../kernel/clock.ts';
import { openStore } from '../store/open-store.ts';
import type { Store } from '../store/store.ts';
import type { CallApprovalRules } from './approvers.ts';
import { callApprovalQueue, type CallApprovalQueue } from './call-approval-queue.ts';
import { defaultCallApprovals } from '../config/call-approvals-file.ts';

/** A queue over a store of its own. */
export interface QueueOfTests {
  readonly queue: CallApprovalQueue;
  readonly store: Store;
  readonly clock: ReturnType<typeof steppedClock>;
  readonly events: AuditEvent[];
  /** The ids that gateways were told of. */
  readonly told: string[];
}

export async function withQueue(
  use: (made: QueueOfTests) => Promise<void>,
  rules: Partial<CallApprovalRules> = {},
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-calls-'));
  const clock = steppedClock(1_800_000_000_000);
  try {
    await using store = await openStore({ file: join(folder, 'state.db'), clock });
    const events: AuditEvent[] = [];
    const told: string[] = [];
    const queue = callApprovalQueue({
      rules: () => ({ ...defaultCallApprovals, ...rules }),
      records: store.callApprovals,
      agents: { find: async (name) => (name === 'ci-bot' ? anAgent : null) },
      audit: {
        append: async (event) => {
          events.push(event);
          return { index: events.length, leafHash: new Uint8Array() };
        },
      },
      clock,
      tell: (ids) => void told.push(...ids),
    });
    await use({ queue, store, clock, events, told });
  } finally {
    await rm(folder, { recursive: true });
  }
}

const anAgent = {
  name: 'ci-bot',
  owner: 'ada@example.com',
  purpose: 'tests',
  roles: [],
  buildDigest: null,
  device: null,
  state: 'active',
  createdAt: 0,
  lastSeen: null,
} as const;

/** A call of `bank/pay`, with what is given changed. */
export function aCall(change: Partial<AskedCall> = {}): AskedCall {
  return {
    digest: 'd'.repeat(43),
    agent: 'ci-bot',
    spiffeId: 'spiffe://example.internal/agent/ci-bot',
    person: null,
    client: null,
    server: 'bank',
    method: 'tools/call',
    target: 'pay',
    params: { name: 'pay', arguments: { to: 'ACME' } },
    argumentsHash: 'h'.repeat(43),
    asks: [{ policy: 'payments', why: 'money', approver: 'anyone' }],
    policyVersion: 'v',
    address: '127.0.0.1',
    ...change,
  };
}

export const grace = { name: 'grace', way: 'remote' } as const;

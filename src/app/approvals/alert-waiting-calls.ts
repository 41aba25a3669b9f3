import { alertMessage } from '../expiry/alert-message.ts';
import type { AlertRecord, AlertRecords, MessageOf, NewAlert } from '../store/alert-records.ts';
import type { CallApproval, CallApprovalRecords } from './call-approval-records.ts';

/** What calls that wait are told with. */
export interface WaitingCallsParts {
  readonly alerts: AlertRecords;
  readonly records: CallApprovalRecords;
  readonly now: () => number;
  readonly trustDomain: string;
  /** Called when there is a message for the receiver of alerts; null when there is nobody to tell. */
  readonly receiver: (() => void) | null;
}

/**
 * Raises an alert for every call that waits, and resolves those of calls that wait no longer: all that a crash left behind,
 * and what changes from then on.
 */
export async function alertWaitingCalls(parts: WaitingCallsParts): Promise<void> {
  const { alerts, records, receiver } = parts;
  const message: MessageOf = receiver && ((alert: AlertRecord) => alertMessage(alert, parts.trustDomain));
  const waiting = (await records.list(false)).filter(({ state }) => state === 'waiting');
  const raised = (await alerts.list(false)).filter(({ cause }) => cause === 'call-waiting');
  for (const alert of raised) {
    if (waiting.some(({ id }) => id === alert.serial)) continue;
    const to = { state: 'resolved', detail: await becameOf(alert.serial, records) } as const;
    await alerts.change(alert.id, to, parts.now(), message);
    receiver?.();
  }
  for (const call of waiting) {
    if (raised.some(({ serial }) => serial === call.id)) continue;
    // What there is no room for is looked at again, and can be approved without being told of.
    if (!(await alerts.hasRoom(receiver !== null))) return;
    await alerts.raise(alertOf(call), parts.now(), message);
    receiver?.();
  }
}

/** The arguments are for whoever approves, not for every receiver of alerts. */
function alertOf({ id, agent, server, method, target, expiresAt, asks }: CallApproval): NewAlert {
  const why = asks.map((ask) => `${ask.why} (policy ${ask.policy})`).join('; ');
  const detail = `A call waits to be approved: ${method} ${target.slice(0, 200)} on ${server}: ${why}.`;
  return {
    cause: 'call-waiting',
    kind: 'agent',
    name: agent,
    serial: id,
    endsAt: expiresAt,
    detail,
    code: null,
  };
}

async function becameOf(id: string, records: CallApprovalRecords): Promise<string> {
  const call = await records.find(id);
  switch (call?.state) {
    case 'granted':
    case 'used':
      return 'It was approved.';
    case 'refused':
      return 'It was refused.';
    case 'withdrawn':
      return 'Its client gave it up.';
    default:
      return 'Nobody decided in time.';
  }
}

import type { AuditLog } from '../../audit/log.ts';
import type { CertificateRecord } from '../../ca/certificate-records.ts';
import { toFault } from '../../kernel/fault.ts';
import type { DeviceQuestion } from './device-checker.ts';
import type { DeviceRules } from './device-compliance.ts';

/** What a round over the devices works on. */
export interface DeviceRound {
  readonly rules: DeviceRules;
  /** Certificates that are in force. */
  readonly live: readonly Pick<CertificateRecord, 'name' | 'kind'>[];
  /** The device of an agent, or null. */
  readonly deviceOf: (name: string) => string | null;
  /** Revokes every certificate of an agent. How many those were. */
  readonly revoke: (name: string, reason: string) => Promise<number>;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly signal: AbortSignal;
}

/** How many devices are asked about at once. */
const atOnce = 8;
/** How many devices without an answer a round records one by one: when the register is down it is all of them. */
const mostRecorded = 20;

/**
 * Asks once about every device with a live certificate, and takes the certificates of the agents whose device is not compliant
 * any more, or is not known where it has to be. A device that cannot be asked about keeps its certificates until their end: they
 * are not renewed meanwhile. The answer counts how many devices were asked about, refused and not answered for.
 */
export async function checkDevices(round: DeviceRound): Promise<{
  readonly asked: number;
  readonly refused: number;
  readonly unchecked: number;
}> {
  const { rules } = round;
  const names = new Map(
    round.live.filter(({ kind }) => rules.kinds.includes(kind)).map(({ name, kind }) => [name, kind]),
  );
  const counts = { asked: 0, refused: 0, unchecked: 0 };
  const refuse = async (name: string, device: string | null, reason: string): Promise<void> => {
    const revoked = await round.revoke(name, `device not compliant: ${reason}`);
    counts.refused += 1;
    await round.audit.append({ type: 'device.refused', device, name, reason, revoked });
  };
  const one = async (question: DeviceQuestion): Promise<void> => {
    counts.asked += 1;
    let verdict: Awaited<ReturnType<DeviceRules['checker']['ask']>>;
    try {
      verdict = await rules.checker.ask(question);
    } catch (error) {
      counts.unchecked += 1;
      if (counts.unchecked > mostRecorded) return;
      const { code, message: reason } = toFault(error);
      return void (await round.audit.append({ type: 'device.unchecked', ...question, code, reason }));
    }
    if (!verdict.compliant) await refuse(question.name, question.device, verdict.reason);
  };
  const waiting = [...names];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next && !round.signal.aborted; next = waiting.shift()) {
      const [name, kind] = next;
      const device = round.deviceOf(name);
      if (device !== null) await one({ device, name, kind });
      else if (rules.withoutDevice === 'refuse') await refuse(name, null, 'no device is known');
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return counts;
}

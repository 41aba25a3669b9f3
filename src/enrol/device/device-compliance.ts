import type { AuditLog } from '../../audit/log.ts';
import type { AgentStates } from '../../ca/certificate-authority.ts';
import type { IssuanceCheck } from '../../ca/issuance-check.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import type { LeafKind } from '../../x509/leaf-profile.ts';
import type { DeviceChecker, DeviceQuestion } from './device-checker.ts';

/** Whose devices are asked about, and whom. */
export interface DeviceRules {
  readonly kinds: readonly LeafKind[];
  /** What happens with an agent of which no device is known. */
  readonly withoutDevice: 'refuse' | 'permit';
  readonly checker: DeviceChecker;
}

export interface DeviceCompliance {
  /** The rules in force, null for none. Throws Fault when that cannot be told. */
  readonly rules: () => Promise<DeviceRules | null>;
  readonly agents: AgentStates;
  readonly audit: Pick<AuditLog, 'append'>;
}

/**
 * Asks about the device of an agent before every issuance and renewal. Throws Fault `device_refused`, and `unavailable` while
 * that cannot be told.
 */
export function deviceCheck({ rules, agents, audit }: DeviceCompliance): IssuanceCheck {
  return {
    async check({ name, kind }) {
      const inForce = await rules();
      if (!inForce?.kinds.includes(kind)) return;
      const agent = await agents.find(name);
      const device = agent?.device ?? null;
      if (device === null) {
        if (inForce.withoutDevice === 'permit') return;
        throw new Fault(
          'device_refused',
          `No device is known of ${name}, and it has to be compliant. First: countersign agent device ${name} <device>`,
        );
      }
      const verdict = await asked({ device, name, kind }, inForce.checker, audit);
      if (verdict.compliant) return;
      throw new Fault(
        'device_refused',
        `The device of ${name} is not compliant: ${verdict.reason}. Bring it in order and ask again.`,
      );
    },
  };
}

/** What the checker says. Where it is and what was wrong with it is for the log, and not for whoever asks for a certificate. */
async function asked(
  question: DeviceQuestion,
  checker: DeviceChecker,
  audit: DeviceCompliance['audit'],
): ReturnType<DeviceChecker['ask']> {
  try {
    return await checker.ask(question);
  } catch (cause) {
    const { code, message: reason } = toFault(cause);
    await audit.append({ type: 'device.unchecked', ...question, code, reason });
    throw new Fault(
      'unavailable',
      `Whether the device of ${question.name} is compliant cannot be told at the moment; the log of the authority says why.`,
      { cause, retryAfterMilliseconds: 30_000 },
    );
  }
}

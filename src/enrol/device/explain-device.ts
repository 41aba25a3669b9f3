import { toFault } from '../../kernel/fault.ts';
import type { AgentRecord } from '../../identity/agent-record.ts';
import type { DeviceRules } from './device-compliance.ts';

/** What an administrator is told of the device of an agent. */
export interface ExplainedDevice {
  /** What a register of devices knows it by, or null when none is known. */
  readonly device: string | null;
  /** Whether it has to be compliant for certificates of agents. */
  readonly needed: boolean;
  /** As of now; null when it is not needed or cannot be told. */
  readonly compliant: boolean | null;
  readonly reason: string;
}

/** Asks about the device of an agent as the next issuance would. Never throws: that it cannot be told is an answer here. */
export async function explainDevice(
  { name, device }: Pick<AgentRecord, 'name' | 'device'>,
  rulesNow: () => Promise<DeviceRules | null>,
): Promise<ExplainedDevice> {
  try {
    const rules = await rulesNow();
    if (!rules?.kinds.includes('agent')) {
      return { device, needed: false, compliant: null, reason: 'issuance.yaml does not ask for it' };
    }
    if (device === null) {
      const compliant = rules.withoutDevice === 'permit';
      const reason = `no device is known, which issuance.yaml ${compliant ? 'permits' : 'refuses'}`;
      return { device, needed: true, compliant, reason };
    }
    return { device, needed: true, ...(await rules.checker.ask({ device, name, kind: 'agent' })) };
  } catch (error) {
    return { device, needed: true, compliant: null, reason: toFault(error).message };
  }
}

import type { DeviceRules } from '../../enrol/device/device-compliance.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { SecretResolver } from '../../secrets/resolve.ts';
import { type ConfiguredDevices, type IssuanceRules, readIssuance } from '../config/issuance-file.ts';
import { ChangingFile } from './changing-file.ts';
import { openChecker } from './open-checker.ts';

/** What is asked for before a certificate is issued, at work. */
export interface RunningRules {
  readonly devices: RunningDevices | null;
  readonly approvals: IssuanceRules['approvals'];
}

/** The rules of devices, and how often every device is asked about, in milliseconds. */
export type RunningDevices = DeviceRules & Pick<ConfiguredDevices, 'every'>;

/** The rules of a file. Without it nothing is asked for; while it cannot be read no certificate is issued. */
export function issuanceFile(
  path: string,
  secrets: SecretResolver,
  clock: Clock,
): ChangingFile<RunningRules> {
  return new ChangingFile({
    path,
    read: async (text) => {
      const rules: IssuanceRules =
        text === null ? { devices: null, approvals: [] } : readIssuance(path, text);
      const { approvals } = rules;
      return { approvals, devices: rules.devices && (await running(path, rules.devices, secrets, clock)) };
    },
    close: async ({ devices }) => devices?.checker[Symbol.asyncDispose](),
  });
}

async function running(
  path: string,
  devices: ConfiguredDevices,
  secrets: SecretResolver,
  clock: Clock,
): Promise<RunningDevices> {
  try {
    const { kinds, withoutDevice, every } = devices;
    return { kinds, withoutDevice, every, checker: await openChecker(devices, secrets, clock) };
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault('config_invalid', `${path}: ${devices.checker.ca} cannot be read.`, { cause });
  }
}

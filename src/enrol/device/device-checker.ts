import type { LeafKind } from '../../x509/leaf-profile.ts';

/** For whom a device is asked about. */
export interface DeviceQuestion {
  /** What the register of devices knows it by: its id there, or its serial number. */
  readonly device: string;
  /** The agent that has it. */
  readonly name: string;
  readonly kind: LeafKind;
}

export interface DeviceVerdict {
  readonly compliant: boolean;
  /** Why, for the log and for an administrator. */
  readonly reason: string;
}

/** Port: whoever knows whether a device is as it should be. */
export interface DeviceChecker extends AsyncDisposable {
  /** Throws Fault when that cannot be told now; no answer is never a yes. */
  ask(question: DeviceQuestion): Promise<DeviceVerdict>;
}

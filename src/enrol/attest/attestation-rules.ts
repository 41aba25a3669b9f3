import { fitsPattern } from '../../kernel/fits-pattern.ts';
import type { DeviceName } from './device-name.ts';

/** The formats of WebAuthn §8 whose statements are read. */
export type AttestationFormat = 'tpm' | 'apple' | 'android-key';

/** Somebody who vouches for devices, and for which. */
export interface AttestationMaker {
  readonly name: string;
  readonly format: AttestationFormat;
  /** Their roots, in PEM. */
  readonly roots: string;
  /** Names of devices that they may speak for, with any number of `*` for any characters. */
  readonly identifiers: readonly string[];
}

/** Devices that servers, and agents of which no device is on record, may show. Patterns as above. */
export interface DeviceRule {
  readonly kind: 'agent' | 'server';
  readonly names: readonly string[];
  readonly identifiers: readonly string[];
}

/** Whose attestations count, and of which devices. */
export interface AttestationRules {
  readonly makers: readonly AttestationMaker[];
  readonly devices: readonly DeviceRule[];
}

/** Who shows a device. */
export interface Shower {
  readonly kind: 'agent' | 'server';
  readonly name: string;
  /** The device that is on record for it, or null. */
  readonly device: string | null;
}

/** Whether a device may be shown: the one on record and no other, or without one what a rule says. */
export function mayShow(
  { kind, name, device }: Shower,
  { value }: DeviceName,
  rules: AttestationRules,
): boolean {
  if (device !== null) return device === value;
  return rules.devices.some(
    (rule) =>
      rule.kind === kind &&
      rule.names.some((pattern) => fitsPattern(pattern, name)) &&
      rule.identifiers.some((pattern) => fitsPattern(pattern, value)),
  );
}

/** Whether there is any device that may be shown. */
export function mayShowSome({ kind, name, device }: Shower, rules: AttestationRules): boolean {
  if (device !== null) return true;
  return rules.devices.some(
    (rule) => rule.kind === kind && rule.names.some((pattern) => fitsPattern(pattern, name)),
  );
}

/** Those who may speak for a device in a format. */
export function makersFor(
  { value }: DeviceName,
  format: AttestationFormat,
  { makers }: AttestationRules,
): readonly AttestationMaker[] {
  return makers.filter(
    (maker) => maker.format === format && maker.identifiers.some((pattern) => fitsPattern(pattern, value)),
  );
}

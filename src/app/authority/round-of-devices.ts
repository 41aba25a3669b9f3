import type { AuditLog } from '../../audit/log.ts';
import { revokeName } from '../../ca/revoke.ts';
import { checkDevices } from '../../enrol/device/device-round.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Store } from '../store/store.ts';
import type { Authority } from './authority.ts';

/** Asks about every device with a live certificate, as the rules in force say; null when there are none. */
export async function roundOfDevices(
  parts: {
    readonly issuance: Authority['issuance'];
    readonly store: Store;
    readonly audit: AuditLog;
    readonly clock: Clock;
  },
  signal: AbortSignal,
): ReturnType<Authority['checkDevices']> {
  const { store, audit, clock } = parts;
  const { devices: rules } = await parts.issuance.current();
  if (!rules) return null;
  const issued = await store.certificates.list({ state: 'issued' });
  const agents = new Map((await store.agents.list()).map(({ name, device }) => [name, device]));
  return await checkDevices({
    rules,
    live: issued.filter(({ notAfter }) => notAfter > clock.now()),
    deviceOf: (name) => agents.get(name) ?? null,
    revoke: async (name, reason) => {
      const order = {
        name,
        kinds: rules.kinds,
        reason,
        revocation: 'privilegeWithdrawn',
        actor: 'authority',
      } as const;
      return (await revokeName(order, { records: store.certificates, audit, clock })).length;
    },
    audit,
    signal,
  });
}

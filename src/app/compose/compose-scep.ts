import { openScepDoor, type ScepDoor } from '../../enrol/scep/scep-door.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Redactor } from '../../secrets/redact.ts';
import type { Authority } from '../authority/authority.ts';
import type { Config } from '../config/config.ts';
import type { RunningEnds } from './compose-ends.ts';
import { holdRegistration } from './hold-registration.ts';
import { scepChallenges } from './scep-challenges.ts';

/** Opens the SCEP door of an authority that was opened with the key of its registration authority. */
export async function composeScep(options: {
  readonly config: Config;
  readonly authority: Authority;
  readonly ends: RunningEnds;
  readonly redactor: Redactor;
  readonly log: (line: string) => void;
}): Promise<ScepDoor> {
  const { config, authority, ends, redactor, log } = options;
  const { ca, store, registrationKey } = authority;
  const { renewalGraceMinutes, scep } = config.authority;
  if (!registrationKey)
    throw new Fault('internal', 'The authority was opened without the key that SCEP needs.');
  await using opened = new AsyncDisposableStack();
  const registration = opened.use(await holdRegistration(registrationKey, authority, log));
  const door = opened.use(
    openScepDoor({
      ca,
      transactions: store.scepTransactions,
      challenges: await scepChallenges(scep.webhook, { ...authority, redactor }, opened),
      registration: () => registration.current(),
      crl: () => ends.crls().current().full.der,
      legacy: scep.legacyCiphers === 'accepted',
      renewalGrace: renewalGraceMinutes * 60_000,
    }),
  );
  const held = opened.move();
  return { ...door, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

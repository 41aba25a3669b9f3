import type { DelegatedAuthority } from './question.ts';
import type { ContextMember } from './schema.ts';

type PassportMember = Extract<ContextMember, `passport${string}`>;

/** The members of the context that a passport gives; without one `passport` is not there, and the rest is the least that there is. */
export function passportMembers(
  passport: DelegatedAuthority | null,
): readonly (readonly [PassportMember, string | number | readonly string[]])[] {
  if (passport === null) return none;
  return [
    ['passport', passport.issuer],
    ['passportScopes', passport.scopes],
    ['passportValues', passport.values],
    ['passportReputation', passport.reputation],
    ['passportReversibility', passport.reversibility],
  ];
}

const none: ReturnType<typeof passportMembers> = [
  ['passportScopes', []],
  ['passportValues', []],
  ['passportReputation', 0],
  ['passportReversibility', ''],
];

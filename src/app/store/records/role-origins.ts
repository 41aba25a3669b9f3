import type { DerivedRole } from '../../../enrol/person/derive-roles.ts';
import type { RoleOrigins } from '../../../enrol/person/login-records.ts';
import { one, run, type Work } from '../work.ts';

/** Where the roles of an agent come from; used inside the transactions of the agents. */
export function findOrigins(agent: string): Work<RoleOrigins | null> {
  return one(
    (row: { readonly by_hand: string; readonly derived: string }) => ({
      byHand: JSON.parse(row.by_hand) as string[],
      derived: JSON.parse(row.derived) as DerivedRole[],
    }),
    'SELECT by_hand, derived FROM role_origins WHERE agent = ?',
    agent,
  );
}

/** Returns the roles in force: first those given by hand, then the others. */
export function* putOrigins(agent: string, { byHand, derived }: RoleOrigins): Work<readonly string[]> {
  yield* run(
    `INSERT INTO role_origins (agent, by_hand, derived) VALUES (?, ?, ?)
     ON CONFLICT (agent) DO UPDATE SET by_hand = excluded.by_hand, derived = excluded.derived`,
    agent,
    JSON.stringify(byHand),
    JSON.stringify(derived),
  );
  return [...new Set([...byHand, ...derived.map(({ role }) => role)])];
}

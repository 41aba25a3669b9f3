import type { DatabaseSync } from 'node:sqlite';
import type { DerivedRole } from '../../../enrol/person/derive-roles.ts';
import type { RoleOrigins } from '../../../enrol/person/login-records.ts';

/** Where the roles of agents come from; used inside the transactions of the agents. */
export interface OriginRows {
  find(agent: string): RoleOrigins | null;
  /** Returns the roles in force: first those given by hand, then the others. */
  put(agent: string, origins: RoleOrigins): readonly string[];
}

export function originRows(database: DatabaseSync): OriginRows {
  const select = database.prepare('SELECT by_hand, derived FROM role_origins WHERE agent = ?');
  const put = database.prepare(
    `INSERT INTO role_origins (agent, by_hand, derived) VALUES (?, ?, ?)
     ON CONFLICT (agent) DO UPDATE SET by_hand = excluded.by_hand, derived = excluded.derived`,
  );
  return {
    find(agent) {
      const row = select.get(agent) as { readonly by_hand: string; readonly derived: string } | undefined;
      if (!row) return null;
      return {
        byHand: JSON.parse(row.by_hand) as string[],
        derived: JSON.parse(row.derived) as DerivedRole[],
      };
    },
    put(agent, { byHand, derived }) {
      put.run(agent, JSON.stringify(byHand), JSON.stringify(derived));
      return [...new Set([...byHand, ...derived.map(({ role }) => role)])];
    },
  };
}

import type { CertificateEnd, CertificateEnds } from '../certificate-ends.ts';
import type { Connection } from '../connection.ts';
import { all, one } from '../work.ts';

// What has been renewed names its successor's `replaces`; whoever enrolled anew did not say what for.
const columns = `c.serial, c.name, c.kind, c.state, c.not_before AS "notBefore", c.not_after AS "notAfter",
  CASE WHEN c.kind IN ('agent', 'ephemeral') THEN
    (SELECT last_seen FROM agents WHERE name = c.name) END AS "lastSeen",
  CASE WHEN EXISTS (SELECT 1 FROM certificates r WHERE r.replaces = c.serial AND r.state = 'issued') OR
    EXISTS (SELECT 1 FROM certificates r WHERE r.name = c.name AND r.reserved_at > c.reserved_at
      AND r.kind = c.kind AND r.state = 'issued' AND r.replaces IS NULL) THEN 1 ELSE 0 END AS superseded`;
const page = `SELECT ${columns} FROM certificates c WHERE c.state = 'issued' AND (c.not_after, c.serial) > (?, ?)
  ORDER BY c.not_after, c.serial LIMIT ?`;
const bySerial = `SELECT ${columns} FROM certificates c WHERE c.serial = ?`;

/** The certificates of the store in the order of their ends. */
export function certificateEnds({ read }: Connection): CertificateEnds {
  return {
    page: ({ notAfter, serial }, most) => read(() => all(toEnd, page, notAfter, serial, most)),
    find: (serial) => read(() => one(toEnd, bySerial, serial)),
  };
}

function toEnd(row: Omit<CertificateEnd, 'superseded'> & { readonly superseded: number }): CertificateEnd {
  return { ...row, superseded: row.superseded === 1 };
}

import type { CertificateEnd, CertificateEnds } from '../certificate-ends.ts';
import type { Connection } from './connection.ts';

// What has been renewed names its successor's `replaces`; whoever enrolled anew did not say what for.
const columns = `c.serial, c.name, c.kind, c.state, c.not_before AS notBefore, c.not_after AS notAfter,
  CASE WHEN c.kind IN ('agent', 'ephemeral') THEN
    (SELECT last_seen FROM agents WHERE name = c.name) END AS lastSeen,
  EXISTS (SELECT 1 FROM certificates r WHERE r.replaces = c.serial AND r.state = 'issued') OR
  EXISTS (SELECT 1 FROM certificates r WHERE r.name = c.name AND r.reserved_at > c.reserved_at
    AND r.kind = c.kind AND r.state = 'issued' AND r.replaces IS NULL) AS superseded`;

/** The certificates of the store in the order of their ends. */
export function certificateEnds({ database, read }: Connection): CertificateEnds {
  const page = database.prepare(
    `SELECT ${columns} FROM certificates c WHERE c.state = 'issued' AND (c.not_after, c.serial) > (?, ?)
     ORDER BY c.not_after, c.serial LIMIT ?`,
  );
  const one = database.prepare(`SELECT ${columns} FROM certificates c WHERE c.serial = ?`);
  return {
    page: ({ notAfter, serial }, most) => read(() => page.all(notAfter, serial, most).map(toEnd)),
    find: (serial) =>
      read(() => {
        const row = one.get(serial);
        return row ? toEnd(row) : null;
      }),
  };
}

function toEnd(row: object): CertificateEnd {
  const { superseded, ...rest } = row as Omit<CertificateEnd, 'superseded'> & { readonly superseded: number };
  return { ...rest, superseded: superseded === 1 };
}

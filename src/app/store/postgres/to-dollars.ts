/** The placeholders of a statement as PostgreSQL writes them: `?2` becomes `$2`, and a `?` the number after the highest before. */
export function toDollars(sql: string): string {
  let highest = 0;
  // What stands in quotes is no placeholder.
  return sql.replace(/'[^']*'|"[^"]*"|\?(\d*)/g, (found, digits?: string) => {
    if (!found.startsWith('?')) return found;
    const number = digits ? Number(digits) : highest + 1;
    highest = Math.max(highest, number);
    return `$${number}`;
  });
}

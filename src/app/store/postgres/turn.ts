/** "CSGN": no other program of the database takes this lock. */
const lockSpace = 0x4353474e;

/**
 * Waits until nobody else writes, in any process, and keeps others from it until the transaction is over: what is read after
 * it holds until then, and changes are committed in the order of their numbers.
 */
export const takeTurn = `SELECT pg_advisory_xact_lock(${lockSpace}, hashtext(coalesce(current_schema(), '')))`;

/** Where everybody is woken when something changed. */
export const wakeChannel = 'countersign_changes';

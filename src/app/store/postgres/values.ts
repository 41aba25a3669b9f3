/**
 * How PostgreSQL writes a value, as the records know it: numbers for its whole numbers, which are never larger than a time in
 * milliseconds, and octets for its `bytea`. https://www.postgresql.org/docs/current/catalog-pg-type.html
 */
export function readerOf(oid: number): (text: string) => unknown {
  switch (oid) {
    case 16: // bool
      return (text) => text === 't';
    case 20: // int8
    case 21: // int2
    case 23: // int4
    case 1700: // numeric
      return Number;
    case 17: // bytea, in its hex format
      return (text) => new Uint8Array(Buffer.from(text.slice(2), 'hex'));
    default:
      return (text) => text;
  }
}

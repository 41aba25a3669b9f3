import { NotHttp } from './not-http.ts';

/** Where in a chunked body the next octet stands. */
type Place =
  | 'size'
  | 'size-end'
  | 'data'
  | 'data-return'
  | 'data-feed'
  | 'last-return'
  | 'last-feed'
  | 'ended';

/** Digits of a chunk's size that are read. */
const mostDigits = 8;

/**
 * Takes the chunked coding off a body (RFC 9112 §7.1) wherever its octets are cut. Extensions and trailers are
 * refused: nothing in MCP needs them, and readers differ on where they end.
 */
export class ChunkReader {
  private place: Place = 'size';
  private size = 0;
  private digits = 0;

  get ended(): boolean {
    return this.place === 'ended';
  }

  /** Hands the content in `bytes` to `sink` and returns how many octets belong to this body. Throws NotHttp. */
  take(bytes: Uint8Array, sink: (piece: Uint8Array) => void): number {
    let at = 0;
    while (at < bytes.length && this.place !== 'ended') {
      if (this.place === 'data') {
        const end = Math.min(bytes.length, at + this.size);
        sink(bytes.subarray(at, end));
        this.size -= end - at;
        if (this.size === 0) this.place = 'data-return';
        at = end;
      } else {
        this.step(bytes[at] ?? 0);
        at += 1;
      }
    }
    return at;
  }

  private step(octet: number): void {
    switch (this.place) {
      case 'size':
        return this.readSize(octet);
      case 'size-end':
        expect(octet, lineFeed);
        this.place = this.size === 0 ? 'last-return' : 'data';
        this.digits = 0;
        return;
      case 'data-return':
        expect(octet, carriageReturn);
        this.place = 'data-feed';
        return;
      case 'data-feed':
        expect(octet, lineFeed);
        this.place = 'size';
        return;
      case 'last-return':
        expect(octet, carriageReturn);
        this.place = 'last-feed';
        return;
      default:
        expect(octet, lineFeed);
        this.place = 'ended';
    }
  }

  private readSize(octet: number): void {
    if (octet === carriageReturn && this.digits > 0) {
      this.place = 'size-end';
      return;
    }
    const digit = hexDigit(octet);
    if (digit === -1 || this.digits === mostDigits)
      throw new NotHttp('the size of a chunk is not a hexadecimal number');
    this.size = this.size * 16 + digit;
    this.digits += 1;
  }
}

const carriageReturn = 0x0d;
const lineFeed = 0x0a;

function expect(octet: number, wanted: number): void {
  if (octet !== wanted)
    throw new NotHttp('a chunk does not end where it says, or has an extension or a trailer');
}

function hexDigit(octet: number): number {
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const lower = octet | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

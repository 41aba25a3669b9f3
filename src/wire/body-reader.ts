import type { BodyLength } from './body-length.ts';
import { ChunkReader } from './chunk-reader.ts';

/** Finds the end of one body in the octets of a connection. */
export class BodyReader {
  private readonly chunks: ChunkReader | null;
  /** Octets still to come; infinite when the connection's end is the body's. */
  private left: number;

  constructor(length: BodyLength) {
    this.chunks = length === 'chunked' ? new ChunkReader() : null;
    this.left = typeof length === 'number' ? length : Number.POSITIVE_INFINITY;
  }

  get ended(): boolean {
    return this.chunks ? this.chunks.ended : this.left === 0;
  }

  /** Hands the content in `bytes` to `sink` and returns how many octets belong to this body. Throws NotHttp. */
  take(bytes: Uint8Array, sink: (piece: Uint8Array) => void): number {
    if (this.chunks) return this.chunks.take(bytes, sink);
    const size = Math.min(this.left, bytes.length);
    if (size > 0) sink(size === bytes.length ? bytes : bytes.subarray(0, size));
    this.left -= size;
    return size;
  }

  /** The connection ended. Whether that was the body's proper end. */
  close(): boolean {
    if (this.chunks || Number.isFinite(this.left)) return this.ended;
    this.left = 0;
    return true;
  }
}

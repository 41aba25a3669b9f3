import type { Fault } from '../../kernel/fault.ts';
import { refusedAttestation } from './attestation-fault.ts';

/** Reads the structures of TPM 2.0 (Library Specification, Part 2): big-endian numbers, and octets behind their length. */
export class TpmOctets {
  private readonly octets: Uint8Array;
  private readonly view: DataView;
  private readonly what: string;
  private at = 0;

  /** `what` is the structure's name in refusals. */
  constructor(octets: Uint8Array, what: string) {
    this.octets = octets;
    this.view = new DataView(octets.buffer, octets.byteOffset, octets.length);
    this.what = what;
  }

  u16(): number {
    return this.view.getUint16(this.skip(2));
  }

  u32(): number {
    return this.view.getUint32(this.skip(4));
  }

  /** A TPM2B: 16 bits of length, then so many octets, of which there may be `most`. */
  sized(most: number): Uint8Array {
    const length = this.u16();
    if (length > most) throw this.malformed(`a part of it has ${length} octets, and ${most} are the most`);
    const start = this.skip(length);
    return this.octets.subarray(start, start + length);
  }

  /** Passes over octets; where they begin. */
  skip(length: number): number {
    if (length > this.octets.length - this.at) throw this.malformed('it is cut off');
    const start = this.at;
    this.at += length;
    return start;
  }

  end(): void {
    if (this.at < this.octets.length) throw this.malformed('there are octets behind its end');
  }

  malformed(why: string): Fault {
    return refusedAttestation(`${this.what} cannot be read: ${why}`);
  }
}

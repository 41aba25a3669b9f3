/** A PNG of one red pixel. */
export const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC';

/** A WAV of one silent sample: 8 kHz, one channel, 16 bits. */
export const silence = Buffer.concat([
  Buffer.from('RIFF'),
  littleEndian(38, 4),
  Buffer.from('WAVEfmt '),
  littleEndian(16, 4),
  littleEndian(1, 2),
  littleEndian(1, 2),
  littleEndian(8_000, 4),
  littleEndian(16_000, 4),
  littleEndian(2, 2),
  littleEndian(16, 2),
  Buffer.from('data'),
  littleEndian(2, 4),
  littleEndian(0, 2),
]).toString('base64');

function littleEndian(value: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUIntLE(value, 0, size);
  return bytes;
}

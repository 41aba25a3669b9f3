import { randomId } from '../../kernel/random.ts';

/** A fresh 128-bit id that a command line does not take for a flag: it does not begin with a dash. */
export function drawId(fits: (id: string) => boolean = () => true): string {
  for (;;) {
    const id = randomId();
    if (!id.startsWith('-') && fits(id)) return id;
  }
}

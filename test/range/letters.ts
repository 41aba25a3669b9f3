/** How often a letter stands in a row of outcomes. */
export function times(letter: string, letters: string): number {
  return letters.split(letter).length - 1;
}

/** The oldest major version of Node.js with all that the program uses; `engines` in package.json says the same. */
export const oldestRuntime = 24;

/**
 * Which Node.js runs the program: `this` one, or the program of the one that came with the packages, or null when there
 * is none. `bundled` is asked only when this one is too old.
 */
export function chooseRuntime(version: string, bundled: () => string | null): string | null {
  return Number.parseInt(version, 10) >= oldestRuntime ? 'this' : bundled();
}

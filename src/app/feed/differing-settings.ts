import type { PolicyFile } from './feed-message.ts';

/** The files beside the policies that are not the same in both: their names, in order. */
export function differingSettings(
  before: readonly PolicyFile[],
  after: readonly PolicyFile[],
): readonly string[] {
  const [were, are] = [settingsOf(before), settingsOf(after)];
  return [...new Set([...were.keys(), ...are.keys()])]
    .filter((name) => were.get(name) !== are.get(name))
    .sort();
}

function settingsOf(files: readonly PolicyFile[]): ReadonlyMap<string, string> {
  return new Map(files.filter(({ name }) => !name.endsWith('.cedar')).map(({ name, text }) => [name, text]));
}

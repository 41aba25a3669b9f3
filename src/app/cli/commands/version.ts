import { readFileSync } from 'node:fs';
import type { Command } from '../command.ts';

/** `version`: which Countersign this is. */
export const versionCommand: Command = {
  path: ['version'],
  summary: 'Show the version of Countersign and of Node.js',
  example: 'countersign version',
  flags: [],
  positionals: [],
  async run() {
    const version = readVersion();
    return {
      text: `countersign ${version} (Node.js ${process.versions.node})`,
      json: { version, node: process.versions.node },
    };
  },
};

/** The version in our own package.json, which lies three folders up from the sources and from the build alike. */
export function readVersion(): string {
  const text = readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

import { version } from '../../version.ts';
import type { Command } from '../command.ts';

/** `version`: which Countersign this is. */
export const versionCommand: Command = {
  path: ['version'],
  summary: 'Show the version of Countersign and of Node.js',
  example: 'countersign version',
  flags: [],
  positionals: [],
  async run() {
    return {
      text: `countersign ${version} (Node.js ${process.versions.node})`,
      json: { version, node: process.versions.node },
    };
  },
};

import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { program } from '../journeys/program.ts';
import type { Town } from '../journeys/deployment.ts';

const root = join(import.meta.dirname, '../..');

/** What the commands of a guide came to. */
export interface GuideRun {
  readonly code: number;
  /** Output and errors, with each command before what it said. */
  readonly said: string;
  readonly folder: string;
}

/** The commands of a guide: its blocks marked `sh`, in order. */
export function commandsOf(guide: string): string {
  const text = readFileSync(join(root, 'docs/guides', `${guide}.md`), 'utf8');
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block).join('');
}

/**
 * Runs the commands of a guide as one script in an empty folder, with `countersign` on the path; the first that fails ends
 * it. `environment` takes the place of what the guide assumes. The folder is there while `look` looks.
 */
export async function runGuide(
  guide: string,
  environment: Readonly<Record<string, string>>,
  look: (run: GuideRun) => void | Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), `countersign-guide-${guide}-`));
  try {
    mkdirSync(join(folder, 'bin'));
    mkdirSync(join(folder, 'work'));
    const command = join(folder, 'bin', 'countersign');
    writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`);
    chmodSync(command, 0o755);
    const script = `set -euxo pipefail\n${commandsOf(guide)}`;
    const path = `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`;
    const env = { ...process.env, HOME: folder, ...environment, PATH: path };
    const options = { cwd: join(folder, 'work'), env, timeout: 120_000 };
    const run = await new Promise<GuideRun>((resolve) => {
      execFile('bash', ['-c', script], options, (error, out, problems) => {
        const code = error ? Number(error.code ?? 1) : 0;
        resolve({ code, said: `${out}\n${problems}`, folder: options.cwd });
      });
    });
    await look(run);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a guide is told of a town: where its authority is, and the folder of an admin certificate. */
export async function townFor(town: Town, folder: string): Promise<Record<string, string>> {
  const admin = join(folder, 'admin');
  mkdirSync(admin, { recursive: true });
  const { cert, key, ca } = await town.issue('operator', 'admin');
  writeFileSync(join(admin, 'certificate.pem'), cert);
  writeFileSync(join(admin, 'key.pem'), key, { mode: 0o600 });
  writeFileSync(join(admin, 'roots.pem'), ca);
  return { AUTHORITY: town.authorityUrl, ADMIN: admin };
}

/** The folder of a new agent's certificate, as a guide is told of it. */
export async function agentFor(town: Town, name: string, folder: string): Promise<string> {
  await town.addAgent(name);
  const { cert, key, ca } = await town.issue(name);
  const at = join(folder, name);
  mkdirSync(at);
  writeFileSync(join(at, 'certificate.pem'), cert);
  writeFileSync(join(at, 'key.pem'), key, { mode: 0o600 });
  writeFileSync(join(at, 'roots.pem'), ca);
  return at;
}

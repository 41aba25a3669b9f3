import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { kubernetesVersion } from './kubernetes-home.ts';

/** A program that `npm run python` or `npm run kubernetes` installs, or why a test without it is skipped. */
export interface DeployTool {
  readonly program: string;
  readonly skip: string | false;
}

const root = join(import.meta.dirname, '../..');

/** The linter of Containerfiles. */
export const hadolint = tool('.python/deploy/bin/hadolint', 'npm run python');

/** The manager of charts. */
export const helm = tool(`.kubernetes/${kubernetesVersion}/bin/helm`, 'npm run kubernetes');
/** What holds manifests to the schemas of Kubernetes. */
export const kubeconform = tool(`.kubernetes/${kubernetesVersion}/bin/kubeconform`, 'npm run kubernetes');

function tool(path: string, command: string): DeployTool {
  const program = join(root, path);
  return { program, skip: existsSync(program) ? false : `needs what ${command} installs` };
}

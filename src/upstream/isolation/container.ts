import type { Isolation } from './isolation.ts';

/**
 * The argument vector that has podman or docker run a command in its image with the same walls. Variables are named and
 * never written out: their values come from the environment of the runtime, where no list of processes shows them.
 */
export function containerCommand(
  { by, image, network, read, write, limits }: Isolation,
  command: readonly string[],
  { directory, variables }: { readonly directory: string | null; readonly variables: readonly string[] },
): readonly string[] {
  return [
    by,
    'run',
    '--rm',
    '--interactive',
    '--pull=never',
    `--network=${network ? 'bridge' : 'none'}`,
    '--read-only',
    '--cap-drop=ALL',
    '--security-opt=no-new-privileges',
    '--user=65534:65534',
    '--hostname=server',
    `--memory=${limits.memoryBytes}`,
    `--memory-swap=${limits.memoryBytes}`,
    `--pids-limit=${limits.processes}`,
    `--ulimit=cpu=${limits.cpuSeconds}`,
    `--ulimit=nofile=${limits.openFiles}`,
    `--ulimit=fsize=${limits.fileBytes}`,
    '--ulimit=core=0',
    `--tmpfs=/tmp:rw,nosuid,nodev,size=${limits.fileBytes}`,
    `--tmpfs=/home/server:rw,nosuid,nodev,mode=0700,uid=65534,gid=65534,size=${limits.fileBytes}`,
    ...read.map((path) => `--mount=type=bind,source=${path},target=${path},readonly`),
    ...write.map((path) => `--mount=type=bind,source=${path},target=${path}`),
    ...variables.map((name) => `--env=${name}`),
    '--env=HOME=/home/server',
    `--workdir=${directory ?? '/home/server'}`,
    image ?? '',
    ...command,
  ];
}

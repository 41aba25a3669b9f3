import { spawn } from 'node:child_process';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Shows a page in the person's browser: the program in `BROWSER`, or what the system has. False when there is no screen; the
 * URL is an argument and never a part of a command line.
 */
export function openBrowser(
  url: string,
  environment: Environment,
  platform: NodeJS.Platform = process.platform,
): boolean {
  const command = commandFor(environment, platform);
  if (!command) return false;
  const [program, ...words] = command;
  const child = spawn(program, [...words, url], {
    stdio: 'ignore',
    detached: true,
    env: { ...environment },
  });
  // Whoever has no such program reads the URL.
  child.once('error', () => undefined);
  child.unref();
  return true;
}

/** The program and its words before the URL. */
export function commandFor(
  { BROWSER: browser = '', DISPLAY: x = '', WAYLAND_DISPLAY: wayland = '' }: Environment,
  platform: NodeJS.Platform,
): readonly [string, ...string[]] | null {
  if (browser !== '') return [browser];
  if (platform === 'darwin') return ['open'];
  // `start` is a word of the shell, which would read the URL.
  if (platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler'];
  return x === '' && wayland === '' ? null : ['xdg-open'];
}

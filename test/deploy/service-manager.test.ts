import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { openServiceManager } from '../../src/app/cli/service-manager.ts';
import { missing } from '../interop/missing.ts';

/** Binds the socket that a service manager would, and prints a line for each datagram. */
const listener = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('bound', flush=True)
while True:
    print(s.recv(4096).decode().replace('\\n', ' '), flush=True)
`;

test('U8 the service manager hears by the tool of systemd that the process is up, alive and ending', {
  skip: missing('systemd-notify', 'python3'),
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-notify-'));
  const path = join(folder, 'socket');
  const python = spawn('python3', ['-c', listener, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const heard = linesOf(python);
    await until(() => heard.includes('bound'));
    const said: string[] = [];
    const env = { PATH: process.env['PATH'] ?? '', NOTIFY_SOCKET: path, WATCHDOG_USEC: '300000' };
    using manager = openServiceManager({ env, say: (text) => void said.push(text) });
    manager.ready();
    await until(() => heard.filter((line) => line.includes('WATCHDOG=1')).length >= 2);
    manager.stopping();
    await until(() => heard.some((line) => line.includes('STOPPING=1')));
    assert.match(heard[1] ?? '', /READY=1/);
    assert.deepEqual(said, []);
  } finally {
    python.kill();
    await once(python, 'exit');
    await rm(folder, { recursive: true });
  }
});

test('U8 without a service manager nothing is started, and one that cannot be told is no reason to end', async () => {
  const said: string[] = [];
  const say = (text: string): void => void said.push(text);
  using nobody = openServiceManager({ env: { PATH: '/nonexistent' }, say });
  nobody.ready();
  nobody.stopping();
  assert.deepEqual(said, []);
  using gone = openServiceManager({
    env: { PATH: '/nonexistent', NOTIFY_SOCKET: '/nonexistent/socket' },
    say,
  });
  gone.ready();
  await until(() => said.length > 0);
  assert.match(said[0] ?? '', /READY=1/);
});

test('U8 a watchdog for another process, or written otherwise, is not answered', async () => {
  for (const wrong of [
    { WATCHDOG_USEC: '3000', WATCHDOG_PID: '1' },
    { WATCHDOG_USEC: '0' },
    { WATCHDOG_USEC: '-3' },
    { WATCHDOG_USEC: 'soon' },
  ]) {
    const said: string[] = [];
    const env = { PATH: '/nonexistent', NOTIFY_SOCKET: '/nonexistent/socket', ...wrong };
    using manager = openServiceManager({ env, say: (text) => void said.push(text) });
    manager.ready();
    await until(() => said.length > 0);
    await delay(20);
    assert.equal(said.length, 1, JSON.stringify(wrong));
  }
});

function linesOf(child: ChildProcess): string[] {
  const lines: string[] = [];
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const parts = `${rest}${text}`.split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
  return lines;
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries += 1) {
    assert.ok(tries < 1_500, 'it did not come');
    await delay(20);
  }
}

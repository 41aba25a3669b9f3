import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { ask, end, up } from '../tour/stage.ts';
import { cpuMicroseconds, residentKibibytes } from './process-cost.ts';

/**
 * Requests per second, latency and CPU per request of the gateway with every check and a durable log, beside a bare
 * Node mTLS proxy and nginx as a plain mTLS proxy, in turn, in one run. Prints ratios; absolute numbers depend on the
 * machine. `npm run bench -- [rounds] [seconds] [connections]`.
 */
const [rounds = 3, seconds = 3, connections = 16] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-'));
const data = join(folder, 'authority');
const unlock = ['--folder', data, '--passphrase-file', join(folder, 'passphrase')];
/** One agent makes the whole load: the limits are counted, and wide enough for it. */
const unlimited = [
  '--set',
  'gateway.callsPerSecondPerAgent=1000000',
  '--set',
  'gateway.concurrentPerAgent=10000',
  '--set',
  'gateway.connectionsPerAgent=100000',
];
const children: ChildProcess[] = [];
const body = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: {
    name: 'echo',
    arguments: { message: 'x'.repeat(64) },
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  },
});

interface Contestant {
  readonly name: string;
  readonly port: number;
  readonly path: string;
  readonly pid: () => readonly number[];
}
interface Round {
  readonly requests: number;
  readonly failures: number;
  readonly p50: number;
  readonly p99: number;
  readonly cpu: number;
}

try {
  const contestants = await prepare();
  const results = new Map<string, Round[]>(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const contestant of contestants) {
      const measured = await measure(contestant);
      // The first round warms every contestant up and is not counted.
      if (round > 0) results.get(contestant.name)?.push(measured);
    }
  }
  report(results);
  const gateway = contestants.find(({ name }) => name === 'countersign');
  if (gateway) await reportIdle(gateway);
} finally {
  for (const child of children) await end(child);
  rmSync(folder, { recursive: true, force: true });
}

async function prepare(): Promise<readonly Contestant[]> {
  writeFileSync(join(folder, 'passphrase'), 'only for this benchmark', { mode: 0o600 });
  await ask(['init', ...unlock]);
  await ask([
    'agent',
    'add',
    'bench',
    ...unlock,
    '--owner',
    'bench',
    '--purpose',
    'bench',
    '--role',
    'bench',
  ]);
  mkdirSync(join(data, 'policies'), { recursive: true });
  writeFileSync(
    join(data, 'policies', 'bench.cedar'),
    'permit (principal in Role::"bench", action == Action::"tools/call", resource == Tool::"echo/echo");\n',
  );
  await ask(['cert', 'issue', 'bench', '--kind', 'agent', '--out', join(folder, 'agent'), ...unlock]);
  await ask([
    'cert',
    'issue',
    'proxy',
    '--kind',
    'server',
    '--dns',
    'localhost',
    '--out',
    join(folder, 'proxy'),
    ...unlock,
  ]);
  const upstream = await start('upstream.ts', []);
  await ask(['server', 'add', 'echo', '--url', `http://127.0.0.1:${upstream.port}/mcp`, ...unlock]);
  const { child, listening } = await up([...unlock, '--ports', 'any', ...unlimited]);
  children.push(child);
  const proxy = await start('bare-proxy.ts', [join(folder, 'proxy'), String(upstream.port)]);
  const ours: Contestant = {
    name: 'countersign',
    port: Number(new URL(listening.agents).port),
    path: '/mcp/echo',
    pid: () => [child.pid ?? 0],
  };
  const bare: Contestant = {
    name: 'bare node proxy',
    port: proxy.port,
    path: '/mcp',
    pid: () => [proxy.pid],
  };
  const nginx = await startNginx(upstream.port);
  return nginx ? [nginx, bare, ours] : [bare, ours];
}

/** Starts one of our small processes, which prints its port. */
function start(
  file: string,
  words: readonly string[],
): Promise<{ readonly port: number; readonly pid: number }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, file), ...words], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    child.once('error', reject);
    child.stdout.once('data', (text: Buffer) =>
      resolve({ port: Number(text.toString()), pid: child.pid ?? 0 }),
    );
  });
}

async function startNginx(upstream: number): Promise<Contestant | null> {
  try {
    execFileSync('nginx', ['-v'], { stdio: 'ignore' });
  } catch {
    process.stdout.write('nginx is not installed: its column is left out.\n');
    return null;
  }
  const port = await freePort();
  const place = join(folder, 'nginx');
  mkdirSync(place);
  const identity = join(folder, 'proxy');
  writeFileSync(
    join(place, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${place}/pid; error_log ${place}/error.log;
events { worker_connections 4096; }
http {
  access_log off; client_body_temp_path ${place}/body; proxy_temp_path ${place}/proxy;
  fastcgi_temp_path ${place}/f; uwsgi_temp_path ${place}/u; scgi_temp_path ${place}/s;
  keepalive_requests 100000000;
  upstream echo { server 127.0.0.1:${upstream}; keepalive 64; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${identity}/certificate.pem; ssl_certificate_key ${identity}/key.pem;
    ssl_client_certificate ${identity}/roots.pem; ssl_verify_client on; ssl_verify_depth 3; ssl_protocols TLSv1.3;
    location / { proxy_pass http://echo; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`,
  );
  const child = spawn('nginx', ['-p', place, '-c', join(place, 'nginx.conf')], { stdio: 'inherit' });
  children.push(child);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const workers = (): number[] =>
    execFileSync('pgrep', ['-P', String(child.pid)], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map(Number);
  return { name: 'nginx', port, path: '/mcp', pid: workers };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

async function measure(contestant: Contestant): Promise<Round> {
  const pids = contestant.pid();
  const before = cpuMicroseconds(pids);
  const order = {
    port: contestant.port,
    path: contestant.path,
    connections,
    milliseconds: seconds * 1_000,
    certificate: join(folder, 'agent', 'certificate.pem'),
    key: join(folder, 'agent', 'key.pem'),
    authority: join(data, 'root.pem'),
    body,
  };
  const output = await new Promise<string>((resolve, reject) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'load.ts'), JSON.stringify(order)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.once('error', reject).once('close', () => resolve(text));
  });
  const load = JSON.parse(output) as Omit<Round, 'cpu'>;
  return { ...load, cpu: (cpuMicroseconds(pids) - before) / Math.max(1, load.requests) };
}

function report(results: ReadonlyMap<string, readonly Round[]>): void {
  const rows = [...results].map(([name, measured]) => ({
    name,
    rps: median(measured.map((round) => round.requests)) / seconds,
    p50: median(measured.map((round) => round.p50)),
    p99: median(measured.map((round) => round.p99)),
    cpu: median(measured.map((round) => round.cpu)),
    failures: measured.reduce((sum, round) => sum + round.failures, 0),
  }));
  const base = rows[0];
  process.stdout.write(
    `\n${connections} connections, ${rounds} rounds of ${seconds} s in turn, medians; ratios to ${base?.name}\n\n`,
  );
  process.stdout.write('contestant        requests/s  p50 ms  p99 ms  CPU µs   xRps   xCpu  failures\n');
  for (const row of rows) {
    const cells = [
      row.name.padEnd(16),
      row.rps.toFixed(0).padStart(11),
      row.p50.toFixed(2).padStart(7),
      row.p99.toFixed(2).padStart(7),
      row.cpu.toFixed(1).padStart(7),
      (row.rps / (base?.rps ?? 1)).toFixed(2).padStart(6),
      (row.cpu / (base?.cpu ?? 1)).toFixed(2).padStart(6),
      String(row.failures).padStart(9),
    ];
    process.stdout.write(`${cells.join(' ')}\n`);
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** The memory that 1,000 idle connections of an agent cost the gateway. */
async function reportIdle(gateway: Contestant): Promise<void> {
  const idle = 1_000;
  const identity = {
    cert: readFileSync(join(folder, 'agent', 'certificate.pem')),
    key: readFileSync(join(folder, 'agent', 'key.pem')),
    ca: readFileSync(join(data, 'root.pem')),
  };
  const before = residentKibibytes(gateway.pid());
  const sockets = [];
  for (let opened = 0; opened < idle; opened++) {
    const socket = connect({ host: '127.0.0.1', port: gateway.port, servername: 'localhost', ...identity });
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    sockets.push(socket);
  }
  const after = residentKibibytes(gateway.pid());
  for (const socket of sockets) socket.destroy();
  const each = (after - before) / idle;
  process.stdout.write(
    `\n${idle} idle connections: ${(after / 1024).toFixed(0)} MiB resident, ${each.toFixed(0)} KiB each.\n`,
  );
}

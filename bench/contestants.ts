import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bridgeCommand, up } from '../tour/stage.ts';
import { freePort } from './children.ts';
import { layers } from './layer-names.ts';
import { childrenOf } from './process-cost.ts';
import { type Rig, serverName } from './rig.ts';

/** Someone who takes a request over mutual TLS to the MCP server. */
export interface Contestant {
  readonly name: string;
  readonly port: number;
  /** The target that leads to an answer of the MCP server. */
  readonly path: (answer: string) => string;
  /** Whether it speaks plain HTTP, having no TLS. */
  readonly plain?: boolean;
  /** The processes whose CPU time and memory count. */
  readonly pids: () => readonly number[];
}

/** Our gateway with every check on, but for the rate of an agent, which a benchmark exceeds. */
export async function startCountersign(
  rig: Rig,
  audit: 'durable' | 'queued',
  workers = 1,
): Promise<Contestant> {
  process.env['COUNTERSIGN_GATEWAY_WORKERS'] = String(workers);
  process.env['COUNTERSIGN_GATEWAY_CALLS_PER_SECOND_PER_AGENT'] = '1000000';
  process.env['COUNTERSIGN_GATEWAY_CONNECTIONS_PER_AGENT'] = '10000';
  process.env['COUNTERSIGN_GATEWAY_AUDIT'] = audit;
  // Each has an authority of its own: one folder has one writer.
  const folder = join(rig.folder, `${audit}-${workers}`);
  cpSync(rig.data, folder, { recursive: true });
  const { child, listening } = await up(['--folder', folder, ...rig.passphrase, '--ports', 'any']);
  rig.adopt(child);
  const pid = child.pid ?? 0;
  return {
    name: `countersign, ${audit} log${workers === 1 ? '' : `, ${workers} workers`}`,
    port: Number(new URL(listening.agents).port),
    path: (answer) => `/mcp/${serverName(answer)}`,
    pids: () => [pid, ...childrenOf(pid)],
  };
}

/** The MCP server itself, with nothing before it. */
export function startNothing(rig: Rig): Contestant {
  return { name: 'nothing between', port: rig.upstreamPort, path: plainPath, plain: true, pids: () => [] };
}

/** A proxy of the gateway's own parts, up to one of its layers. */
export async function startLayer(rig: Rig, { id, name }: (typeof layers)[number]): Promise<Contestant> {
  const { child, line } = await rig.startOwn('layers.ts', [id, rig.proxyIdentity, String(rig.upstreamPort)]);
  return { name, port: Number(line), path: plainPath, plain: id === 'http', pids: () => [child.pid ?? 0] };
}

/** A bridge of one agent beside the load client, over mutual TLS to a gateway that runs already. */
export async function startBridge(rig: Rig, gateway: Contestant, answer: string): Promise<Contestant> {
  const port = await freePort();
  const [identity] = rig.identities;
  const words = [
    '--gateway',
    `https://localhost:${gateway.port}${gateway.path(answer)}`,
    '--http',
    String(port),
  ];
  const child = spawn(bridgeCommand.command, [...bridgeCommand.args, ...words], {
    env: {
      ...process.env,
      MCP_CLIENT_CERT: identity?.certificate,
      MCP_CLIENT_KEY: identity?.key,
      MCP_CA_CERT: rig.roots,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  rig.adopt(child);
  // It says so on standard error once it listens.
  await new Promise((resolve) => child.stderr.once('data', resolve));
  return {
    name: `a bridge and ${gateway.name}`,
    port,
    path: () => '/mcp',
    plain: true,
    pids: () => [child.pid ?? 0, ...gateway.pids()],
  };
}

/** A mutual-TLS proxy of Node's own modules, without any check. */
export async function startBareNode(rig: Rig): Promise<Contestant> {
  const { child, line } = await rig.startOwn('bare-proxy.ts', [rig.proxyIdentity, String(rig.upstreamPort)]);
  return { name: 'bare Node proxy', port: Number(line), path: plainPath, pids: () => [child.pid ?? 0] };
}

/** Null when nginx is not installed. */
export async function startNginx(rig: Rig, workers: number): Promise<Contestant | null> {
  if (!isInstalled('nginx')) return null;
  const port = await freePort();
  const place = join(rig.folder, `nginx-${workers}`);
  mkdirSync(place);
  const identity = rig.proxyIdentity;
  writeFileSync(
    join(place, 'nginx.conf'),
    `daemon off; worker_processes ${workers}; pid ${place}/pid; error_log ${place}/error.log;
events { worker_connections 16384; }
worker_rlimit_nofile 65536;
http {
  access_log off; client_body_temp_path ${place}/body; proxy_temp_path ${place}/proxy;
  fastcgi_temp_path ${place}/f; uwsgi_temp_path ${place}/u; scgi_temp_path ${place}/s;
  keepalive_requests 100000000;
  upstream mcp { server 127.0.0.1:${rig.upstreamPort}; keepalive 64; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} ssl backlog=4096 ${workers > 1 ? 'reuseport' : ''};
    ssl_certificate ${identity}/certificate.pem; ssl_certificate_key ${identity}/key.pem;
    ssl_client_certificate ${identity}/roots.pem; ssl_verify_client on; ssl_verify_depth 3; ssl_protocols TLSv1.3;
    location / {
      proxy_pass http://mcp; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffer_size 16k; proxy_buffers 16 16k;
    }
    location = /100m { proxy_pass http://mcp; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }
  }
}
`,
  );
  const child = spawn('nginx', ['-p', place, '-c', join(place, 'nginx.conf')], { stdio: 'inherit' });
  rig.adopt(child);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const name = workers === 1 ? 'nginx' : `nginx, ${workers} workers`;
  return { name, port, path: plainPath, pids: () => childrenOf(child.pid ?? 0) };
}

/** Null when HAProxy is not installed. */
export async function startHaproxy(rig: Rig): Promise<Contestant | null> {
  if (!isInstalled('haproxy')) return null;
  const port = await freePort();
  const place = join(rig.folder, 'haproxy');
  mkdirSync(place);
  const read = (file: string): string => readFileSync(join(rig.proxyIdentity, file), 'utf8');
  writeFileSync(join(place, 'identity.pem'), read('certificate.pem') + read('key.pem'), { mode: 0o600 });
  writeFileSync(
    join(place, 'haproxy.cfg'),
    `global
  nbthread 1
  maxconn 6000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend agents
  bind 127.0.0.1:${port} ssl crt ${place}/identity.pem ca-file ${rig.proxyIdentity}/roots.pem verify required ssl-min-ver TLSv1.3
  default_backend mcp
backend mcp
  server mcp 127.0.0.1:${rig.upstreamPort}
`,
  );
  const child = spawn('haproxy', ['-f', join(place, 'haproxy.cfg'), '-db'], {
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  rig.adopt(child);
  await new Promise((resolve) => setTimeout(resolve, 500));
  return { name: 'HAProxy', port, path: plainPath, pids: () => [child.pid ?? 0] };
}

function plainPath(answer: string): string {
  return `/${answer}`;
}

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['-v'], { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write(`${program} is not installed: its rows are left out.\n`);
    return false;
  }
}

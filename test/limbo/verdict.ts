import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { requireGateway } from '../../src/bridge/require-peer.ts';
import { createClient } from '../../src/http/fetch.ts';
import { createFixtureAuthority } from '../../src/http/tls.fixture.ts';
import { tlsServerOptions } from '../../src/http/tls-options.ts';
import { identify } from '../../src/identity/identify.ts';
import { errorText } from '../../src/kernel/fault.ts';
import type { LimboCase } from './limbo.ts';

/** What became of a case: accepted, or why not. */
export type Verdict = { readonly accepted: true } | { readonly accepted: false; readonly why: string };

const other = createFixtureAuthority('The other side');

/**
 * What the product says to a peer: a handshake in which OpenSSL decides about the chain, by the options of our listeners and of our
 * client; then our own profile. The key of the peer has to be known.
 */
export async function verdictOf(limbo: LimboCase, trustDomain: string): Promise<Verdict> {
  try {
    await (limbo.validation_kind === 'CLIENT' ? asServer(limbo, trustDomain) : asClient(limbo, trustDomain));
    return { accepted: true };
  } catch (error) {
    return { accepted: false, why: errorText(error) };
  }
}

/** A client with the certificate of the case comes to a listener of ours. */
async function asServer(limbo: LimboCase, trustDomain: string): Promise<void> {
  const material = {
    ...other.issue({ commonName: 'gateway', purpose: 'server' }),
    clientAuthorities: limbo.trusted_certs.join('\n'),
  };
  const options = tlsServerOptions({ material, clientCertificate: 'required', minimumVersion: 'TLSv1.2' });
  const server = createServer(options).listen(0, '127.0.0.1');
  const sockets = socketsOf(server);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const seen = new Promise<Uint8Array>((resolve, reject) => {
    server.once('tlsClientError', reject);
    server.once('secureConnection', (socket: TLSSocket) => {
      socket.on('error', () => undefined);
      if (socket.authorized) resolve(socket.getPeerCertificate().raw);
      else reject(socket.authorizationError);
    });
  });
  seen.catch(() => undefined);
  const close = new DisposableStack();
  close.defer(() => server.close());
  close.defer(sockets.destroy);
  try {
    // What OpenSSL does not load cannot be shown; that is a refusal as well.
    const to = { port, host: '127.0.0.1', ca: other.certificate, servername: 'localhost' };
    const client = connect({ ...to, ...shown(limbo) });
    client.on('error', () => undefined);
    close.defer(() => client.destroy());
    identify(await seen, { trustDomain, kinds: ['agent', 'ephemeral'] });
  } finally {
    close.dispose();
  }
}

/** Our client comes to a server with the certificate of the case, as a bridge comes to its gateway. */
async function asClient(limbo: LimboCase, trustDomain: string): Promise<void> {
  const server = createServer(shown(limbo), (socket) => {
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n');
  });
  server.on('tlsClientError', () => undefined);
  const sockets = socketsOf(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = createClient({
    tls: {
      authorities: limbo.trusted_certs.join('\n'),
      inspect: requireGateway({ uris: [`spiffe://${trustDomain}/agent/bot`] }),
    },
    addressGuard: 'any',
    limits: { totalMilliseconds: 5_000 },
  });
  try {
    await client.request({
      method: 'GET',
      url: `https://${limbo.expected_peer_name?.value ?? 'localhost'}:${port}/`,
    });
  } finally {
    await client.close();
    sockets.destroy();
    server.close();
  }
}

/** Every connection to a server, to be ended with it. */
function socketsOf(server: Server): { destroy(): void } {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  return {
    destroy() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** The chain and the key that the peer shows. */
function shown(limbo: LimboCase): { readonly cert: string; readonly key: string } {
  return {
    cert: [limbo.peer_certificate, ...limbo.untrusted_intermediates].join('\n'),
    key: limbo.peer_certificate_key ?? '',
  };
}

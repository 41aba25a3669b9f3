import type { createClient } from '@redis/client';
import type { Clock } from '../kernel/clock.ts';
import { errorText } from '../kernel/fault.ts';
import { type RedisPlace, serverNameOf } from './redis-place.ts';

/** Who we are to the server. */
export interface RedisCredentials {
  readonly username: string | null;
  readonly password: string | null;
  /** PEM of the only authorities that vouch for the server; null: those of the system. */
  readonly authorities: string | null;
  /** Shown where the server asks for one. */
  readonly certificate: { readonly certificate: string; readonly key: string } | null;
}

export interface RedisConnectionOptions {
  readonly place: RedisPlace;
  readonly credentials: RedisCredentials;
  readonly clock: Clock;
  /** How long an answer is waited for. */
  readonly waitMilliseconds: number;
  /** Told once, of a connection that was good, when it is not any more: why. */
  readonly onEnd: (why: string) => void;
}

/** How long opening a connection may take, in milliseconds. */
const connectMilliseconds = 3_000;
/** Commands that may wait for their answers; more than that is a server that does not keep up. */
const mostWaiting = 20_000;

/** What we use of the library's client. */
type Client = Pick<ReturnType<typeof createClient>, 'sendCommand' | 'destroy'>;

/**
 * One connection, which ends for good with the first thing that goes wrong: an error of any kind, an answer that takes too long, a server
 * that is gone. Commands are carried out in the order in which they were sent.
 */
export class RedisConnection {
  readonly #client: Client;
  readonly #options: RedisConnectionOptions;
  readonly #waiting = new Set<{ readonly since: number; readonly reject: (error: Error) => void }>();
  readonly #watch: NodeJS.Timeout;
  #lastLook: number;
  #ended: string | null = null;

  private constructor(client: Client, options: RedisConnectionOptions) {
    this.#client = client;
    this.#options = options;
    this.#lastLook = options.clock.monotonic();
    this.#watch = setInterval(() => this.#look(), this.#lookEvery).unref();
  }

  /** Throws whatever keeps it from being opened. */
  static async open(options: RedisConnectionOptions): Promise<RedisConnection> {
    // Loaded only where it is used: it costs a start as much as the rest of it.
    const { createClient: create } = await import('@redis/client');
    const client = create({
      RESP: 2,
      socket: { ...socketOf(options), reconnectStrategy: false, connectTimeout: connectMilliseconds },
      ...(options.credentials.username !== null && { username: options.credentials.username }),
      ...(options.credentials.password !== null && { password: options.credentials.password }),
      database: options.place.database,
      disableOfflineQueue: true,
      disableClientInfo: true,
      maintNotifications: 'disabled',
    });
    const connection = new RedisConnection(client, options);
    client.on('error', (error: unknown) => connection.end(errorText(error)));
    // The library bounds the handshake of TCP or TLS, and not what is said after it.
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const why = `not connected within ${connectMilliseconds} ms`;
      timer = setTimeout(() => reject(new Error(why)), connectMilliseconds).unref();
    });
    try {
      await Promise.race([client.connect(), late]);
      return connection;
    } catch (error) {
      connection.end(errorText(error));
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a command. Rejects when the connection ends before the answer, and ends it when the answer is an error. */
  send(command: readonly string[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== null) return reject(new Error(this.#ended));
      if (this.#waiting.size >= mostWaiting) {
        reject(new Error('too many commands wait'));
        return this.end('too many commands wait for an answer');
      }
      const one = { since: this.#options.clock.monotonic(), reject };
      this.#waiting.add(one);
      const answered = (reply: unknown): void => {
        this.#waiting.delete(one);
        resolve(reply);
      };
      const failed = (error: unknown): void => {
        this.#waiting.delete(one);
        reject(error instanceof Error ? error : new Error(errorText(error)));
        this.end(errorText(error));
      };
      this.#client.sendCommand([...command]).then(answered, failed);
    });
  }

  /** Ends it. Whatever still waits for an answer is rejected. */
  end(why: string): void {
    if (this.#ended !== null) return;
    this.#ended = why;
    clearInterval(this.#watch);
    this.#client.destroy();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(new Error(why));
    this.#options.onEnd(why);
  }

  get #lookEvery(): number {
    return Math.max(10, this.#options.waitMilliseconds / 4);
  }

  #look(): void {
    const now = this.#options.clock.monotonic();
    // Where this process itself stood still, the answers may be here and unread.
    const stoodStill = now - this.#lastLook > 2 * this.#lookEvery;
    this.#lastLook = now;
    const [oldest] = this.#waiting;
    if (stoodStill || !oldest || now - oldest.since <= this.#options.waitMilliseconds) return;
    this.end(`no answer within ${this.#options.waitMilliseconds} ms`);
  }
}

function socketOf({ place, credentials }: RedisConnectionOptions) {
  if (place.kind === 'socket') return { path: place.path, tls: false as const };
  const { host, port } = place;
  if (!place.tls) return { host, port };
  const servername = serverNameOf(host);
  const { authorities, certificate } = credentials;
  return {
    host,
    port,
    tls: true as const,
    minVersion: 'TLSv1.2' as const,
    ...(servername !== undefined && { servername }),
    ...(authorities !== null && { ca: authorities }),
    ...(certificate && { cert: certificate.certificate, key: certificate.key }),
  };
}

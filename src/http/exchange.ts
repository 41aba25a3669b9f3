import type { Headers } from '../wire/headers.ts';

/** One request and its answer. */
export interface Exchange {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Single-valued headers that came twice were refused before this exchange was made. */
  readonly headers: Headers;
  readonly connection: Connection;
  /**
   * The whole request body, at once when it has come already. Throws Fault `too_large` as soon as more than `bytes` have come, `timed_out` when it is
   * not complete after `milliseconds`, `unavailable` when the peer went away. May be called once.
   */
  body(limit: BodyLimit): Uint8Array | Promise<Uint8Array>;
  /**
   * Answers whole; resolves when the socket's buffer has room again, or at once when the peer is gone. Throws Fault
   * `timed_out` or `unavailable` when the peer took too little of it, or left meanwhile.
   */
  respond(status: number, headers: AnswerHeaders, body?: Uint8Array | string): Promise<void>;
  /** Sends the head at once and answers piece by piece. */
  stream(status: number, headers: Readonly<Record<string, string>>): ResponseStream;
  /** Whether the head of the answer is out. */
  readonly answered: boolean;
  /**
   * Aborted when the peer went away, or the connection was cut, before the answer was complete; with a Fault as its
   * reason when the answer stalled or fell silent.
   */
  readonly closed: AbortSignal;
}

/** Fields of an answer by name; a list is one line each, as only Set-Cookie needs (RFC 6265 §3). */
export type AnswerHeaders = Readonly<Record<string, string | readonly string[]>>;

/** Bounds of one body, held while it streams in. */
export interface BodyLimit {
  readonly bytes: number;
  readonly milliseconds: number;
}

/** An answer that is sent piece by piece. */
export interface ResponseStream {
  /**
   * Resolves when the piece was accepted by the socket's buffer, or drained. Throws Fault `unavailable` when the peer is
   * gone, `timed_out` when it took nothing for too long or nothing was written for too long.
   */
  write(chunk: Uint8Array | string): Promise<void>;
  end(): Promise<void>;
  /** Ends the connection without a proper end of the body, so that the peer sees that the answer is incomplete. */
  abort(): void;
}

/** One TCP or TLS connection. */
export interface Connection {
  readonly id: string;
  /** The peer's IP address. */
  readonly address: string;
  /** DER of the client certificate whose chain OpenSSL verified, or null. */
  readonly certificate: Uint8Array | null;
  /**
   * DER of a client certificate whose chain OpenSSL did not verify, when one was shown. The handshake proved that the
   * peer holds its key, and nothing else.
   */
  readonly unverified?: Uint8Array;
  /** The `partners` of the material that the handshake was made with. */
  readonly partners?: TlsMaterial['partners'];
  /** What rooms above have found out about this connection; each keeps its own symbol. */
  readonly facts: Map<symbol, unknown>;
  readonly closed: AbortSignal;
  /** After the answer under way, the next request is read no sooner than so many milliseconds later. */
  rest(milliseconds: number): void;
  /** Destroys the socket; the `closed` signal of every exchange on it is aborted. */
  cut(): void;
}

/** The listener's own certificate and whom it trusts. */
export interface TlsMaterial {
  /** PEM chain, leaf first. */
  readonly certificate: string;
  /** PEM private key. */
  readonly key: string;
  /** PEM certificates that client certificates may chain to; may be '' when none are asked for. */
  readonly clientAuthorities: string;
  /**
   * Other trust domains than our own whose authorities (base64 DER) are among those, each constrained to its domain. It
   * says nothing to the handshake; a connection carries what held for its own.
   */
  readonly partners?: ReadonlyMap<string, readonly string[]>;
}

/** An open listener. */
export interface Listener extends AsyncDisposable {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** New handshakes use the new material; connections stay. Throws Fault `config_invalid`, the old stays in use. */
  replaceTls(material: TlsMaterial): void;
  connections(): Iterable<Connection>;
  /** Ends without losing an exchange; see `Draining`. Resolves when no connection is left. */
  drain(draining: Draining): Promise<void>;
  /** Stops accepting, lets exchanges end for `graceMilliseconds` (default 0), then cuts what is left. */
  close(graceMilliseconds?: number): Promise<void>;
}

/**
 * How a listener ends behind something that still sends it connections for a while. From the beginning, every answer says
 * that its connection ends with it (RFC 9112 §9.6), so that peers leave by themselves and no request meets a closed door.
 */
export interface Draining {
  /**
   * How long new connections are still taken, in milliseconds; a connection on which nothing was asked for as long is ended
   * when they are not taken any more.
   */
  readonly acceptMilliseconds: number;
  /** How long exchanges may go on after that, in milliseconds; then they are cut. */
  readonly graceMilliseconds: number;
  /** Told when no connection is taken any more. */
  onAccepted?(): void;
}

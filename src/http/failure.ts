/** What kind of trouble an outgoing exchange ran into. */
export interface Failure {
  /**
   * `untrusted`: the peer's certificate; `unwelcome`: the peer refused ours; `timeout`; `unreachable`: no connection
   * was made; `broken`: it ended too soon; `garbage`: what came is not HTTP; `oversized`: more came than is taken.
   */
  readonly kind: 'untrusted' | 'unwelcome' | 'timeout' | 'unreachable' | 'broken' | 'garbage' | 'oversized';
  /** For people. */
  readonly text: string;
}

/** A failure that we found ourselves. */
export class ExchangeFailure extends Error implements Failure {
  readonly kind: Failure['kind'];
  readonly text: string;

  constructor(kind: Failure['kind'], text: string, cause?: unknown) {
    super(text, { cause });
    this.name = 'ExchangeFailure';
    this.kind = kind;
    this.text = text;
  }
}

/** Reads the errors of our own client, undici, Node and OpenSSL. */
export function failureOf(error: unknown): Failure {
  if (error instanceof ExchangeFailure) return error;
  const code = codeOf(error);
  if (code === 'UND_ERR_SOCKET' && saidNothing(error)) {
    // With TLS 1.3 a server refuses a client certificate after the client takes the handshake for done.
    return {
      kind: 'broken',
      text: 'it ended the connection without a word; it may not accept our certificate',
    };
  }
  const known = failures[code];
  if (known) return { kind: known[0], text: `${known[1]} (${code})` };
  if (/^(CERT|UNABLE|SELF_SIGNED|DEPTH_ZERO|INVALID_|PATH_LENGTH|HOSTNAME_MISMATCH|UNSPECIFIED)/.test(code)) {
    return { kind: 'untrusted', text: `its certificate does not verify (${code})` };
  }
  if (/^ERR_SSL_.*ALERT/.test(code))
    return { kind: 'unwelcome', text: `it refused our certificate (${code})` };
  // undici's parser errors carry a code only when its parser knows one.
  if (
    /^(HPE_|UND_ERR_HEADERS_OVERFLOW)/.test(code) ||
    (error instanceof Error && error.name === 'HTTPParserError')
  )
    return { kind: 'garbage', text: `its answer is not HTTP` };
  if (/^ERR_(SSL|TLS)_/.test(code))
    return { kind: 'unreachable', text: `no TLS connection could be made (${code})` };
  const text = error instanceof Error && error.message !== '' ? error.message : 'it failed';
  return { kind: 'broken', text };
}

const failures: Readonly<Record<string, readonly [Failure['kind'], string]>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: ['untrusted', 'its certificate is made for another name'],
  UND_ERR_CONNECT_TIMEOUT: ['timeout', 'no connection could be made in time'],
  UND_ERR_HEADERS_TIMEOUT: ['timeout', 'it did not begin to answer in time'],
  UND_ERR_BODY_TIMEOUT: ['timeout', 'it went silent in the middle of its answer'],
  ETIMEDOUT: ['timeout', 'no connection could be made in time'],
  ECONNREFUSED: ['unreachable', 'nothing listens there'],
  ENOTFOUND: ['unreachable', 'its name does not resolve'],
  EAI_AGAIN: ['unreachable', 'its name does not resolve at the moment'],
  EHOSTUNREACH: ['unreachable', 'there is no route to it'],
  ENETUNREACH: ['unreachable', 'there is no route to it'],
  EADDRNOTAVAIL: ['unreachable', 'there is no route to it'],
  ECONNRESET: ['broken', 'it ended the connection'],
  EPIPE: ['broken', 'it ended the connection'],
  UND_ERR_SOCKET: ['broken', 'it ended the connection'],
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: ['garbage', 'its answer is not as long as it said'],
};

/** Whether undici never read an octet from the connection. */
function saidNothing(error: unknown): boolean {
  if (!(error instanceof Error) || !('socket' in error)) return false;
  const { socket } = error;
  return typeof socket === 'object' && socket !== null && 'bytesRead' in socket && socket.bytesRead === 0;
}

/** The code of an error; of the first of several when every address of a name was tried. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return '';
  // undici wraps what happened on the socket.
  return error.code === 'UND_ERR_SOCKET' && error.cause !== undefined
    ? codeOf(error.cause) || error.code
    : error.code;
}

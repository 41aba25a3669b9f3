import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { AnswerHeaders, Exchange } from '../../http/exchange.ts';
import type { Html } from '../../http/html.ts';
import type { PresentedAgent } from './presented-agent.ts';

/** What is known of a request beside its own words. */
export interface Handing {
  readonly exchange: Exchange;
  /** The agent whose certificate the connection showed, or null. */
  readonly agent: PresentedAgent | null;
  /** Why the certificate of the connection is no agent's; null when none was shown, or it is. */
  readonly refusal: string | null;
  /** The host that every address is made of, whatever the request said (RFC 9110 §7.2). */
  readonly host: string;
  /** Path and query as they are looked at. */
  readonly url: string;
  readonly body: Uint8Array;
  /** Whether what an earlier visit of the browser left behind is passed over. */
  readonly fresh?: boolean;
}

/** A page that the engine wants to be shown. */
export interface HeldPage {
  readonly title: string;
  readonly body: Html;
  readonly status: number;
}

/** A request of one of our listeners in the shape that the engine of the authorization server takes. */
export class HandedRequest extends IncomingMessage {
  readonly agent: PresentedAgent | null;
  /** What access tokens are bound to: the DER of the agent's certificate, or null. */
  readonly certificate: Uint8Array | null;
  /** DER of a certificate that nobody we know vouches for, or null. */
  readonly unverified: Uint8Array | null;
  readonly refusal: string | null;
  readonly address: string;
  /** The code that a link to the device page brought along. */
  readonly userCode: string;
  page: HeldPage | null = null;
  /** Id of the client that the engine has taken it to be from, by the client's own method; null for nobody's. */
  client: string | null = null;
  /** What a grant of ours says in its token beside what the engine does. */
  claims: object | null = null;
  /** The refresh tokens that were found used and are good once more. */
  readonly retried = new Set<string>();
  /** The grants that it has ended. */
  readonly endedGrants = new Set<string>();

  constructor({ exchange, agent, refusal, host, url, body, fresh = false }: Handing) {
    // Every listener that hands over speaks TLS; the engine asks the socket.
    super(Object.assign(new Socket(), { encrypted: true }));
    this.agent = agent;
    this.certificate = agent && exchange.connection.certificate;
    this.unverified = exchange.connection.unverified ?? null;
    this.refusal = refusal;
    this.address = exchange.connection.address;
    this.userCode = exchange.query.get('user_code')?.slice(0, 20) ?? '';
    this.method = exchange.method;
    this.url = url;
    for (const [name, value] of exchange.headers.entries())
      if (!ownFields.has(name)) this.headers[name] = value;
    if (fresh) delete this.headers.cookie;
    this.headers.host = host;
    this.headers['content-length'] = String(body.length);
    if (body.length > 0) this.push(body);
    this.push(null);
  }

  /** Whether nothing but a proof of a key of its own (RFC 9449) can bind what it is given. */
  get provesKeyAlone(): boolean {
    return this.certificate === null && this.headers['dpop'] !== undefined;
  }
}

/**
 * Fields that are ours to say: where the request went, how long its body is, and what proxies say of its sender, which
 * nobody here believes.
 */
const ownFields: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'expect',
  'connection',
  'forwarded',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-for',
]);

/** An answer that is kept until it is whole. */
export class HeldResponse extends ServerResponse {
  private readonly pieces: Uint8Array[] = [];

  override write(chunk: unknown): boolean {
    if (typeof chunk === 'string') this.pieces.push(Buffer.from(chunk));
    else if (chunk instanceof Uint8Array) this.pieces.push(chunk);
    return true;
  }

  override end(chunk?: unknown): this {
    this.write(chunk);
    this.finished = true;
    return this;
  }

  get body(): Uint8Array {
    return Buffer.concat(this.pieces);
  }

  get fields(): AnswerHeaders {
    const fields: Record<string, string | readonly string[]> = {};
    for (const [name, value] of Object.entries(this.getHeaders())) {
      if (value === undefined || name === 'content-length') continue;
      fields[name] = typeof value === 'number' ? String(value) : value;
    }
    return fields;
  }

  get cookies(): readonly string[] {
    const cookies = this.getHeader('set-cookie') ?? [];
    return typeof cookies === 'object' ? cookies : [String(cookies)];
  }
}

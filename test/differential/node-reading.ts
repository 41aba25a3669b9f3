import { createRequire } from 'node:module';
import { fieldText, type MessageRead, requestStart } from './message-read.ts';

// The parser object that node:http itself makes for every socket. It is not documented; the specification beside
// this file shows that it reads what a documented http.Server and http.request read.
interface NodeParser {
  initialize(type: number, resource: object, maximumHead: number, leniency: number): void;
  execute(octets: Uint8Array): number | Error;
  finish(): Error | undefined;
  [callback: number]: (...values: never[]) => unknown;
}
interface NodeParserClass {
  new (): NodeParser;
  readonly REQUEST: number;
  readonly RESPONSE: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
  readonly kLenientNone: number;
}
const { HTTPParser, methods } = createRequire(import.meta.url)('_http_common') as {
  readonly HTTPParser: NodeParserClass;
  readonly methods: readonly string[];
};

const maximumHead = 16 * 1024;

interface Message extends MessageRead {
  body: string;
  complete: boolean;
  /** Whether node:http would read another message behind it. */
  readonly staysOpen: boolean;
}

/** What node:http reads from the octets of one connection. It can be used again for another one. */
export class NodeReading {
  messages: Message[] = [];
  /** Why it reads no further. */
  error: string | null = null;
  /** For responses: what was asked, in turn. Interim answers are left out. */
  asked: string[] = [];
  private readonly parser = new HTTPParser();
  private readonly type: number;
  private rawFields: string[] = [];
  private url = '';
  private current: Message | null = null;

  constructor(of: 'requests' | 'responses') {
    this.type = of === 'requests' ? HTTPParser.REQUEST : HTTPParser.RESPONSE;
    this.start();
  }

  start(): void {
    this.messages = [];
    this.asked = [];
    this.error = null;
    this.current = null;
    this.rawFields = [];
    this.url = '';
    this.parser.initialize(this.type, {}, maximumHead, HTTPParser.kLenientNone);
    this.listen();
  }

  feed(octets: Uint8Array): void {
    let rest = octets;
    while (this.error === null && rest.length > 0) {
      const read = this.parser.execute(rest);
      if (typeof read !== 'number') {
        this.error = 'code' in read ? String(read.code) : read.message;
        return;
      }
      if (read === 0) this.error = 'it takes no more';
      // Behind a request for another protocol it stops once, although nobody wants that protocol.
      rest = rest.subarray(read);
    }
  }

  /** The peer ended the connection. */
  end(): void {
    if (this.error === null && this.parser.finish() instanceof Error) this.error = 'unexpected end';
  }

  private listen(): void {
    const { parser } = this;
    parser[HTTPParser.kOnHeaders] = (fields: string[], url: string) => {
      this.rawFields.push(...fields);
      this.url += url;
    };
    parser[HTTPParser.kOnHeadersComplete] = (
      ...[, , fields, method, url, status, , , staysOpen]: HeadValues
    ) => this.head({ fields, method, url, status, staysOpen });
    parser[HTTPParser.kOnBody] = (octets: Buffer) => {
      if (this.current) this.current.body += octets.toString('latin1');
    };
    parser[HTTPParser.kOnMessageComplete] = () => {
      if (this.current) this.current.complete = true;
      this.current = null;
      // Trailers; nobody asks for them.
      this.rawFields = [];
      this.url = '';
    };
  }

  /** Whether the message has no body for reasons that its head does not tell. */
  private head(head: Head): boolean {
    // Long heads come in parts.
    const fields = this.rawFields.concat(head.fields ?? []);
    const url = this.url + (head.url ?? '');
    this.rawFields = [];
    this.url = '';
    const { status } = head;
    if (status !== undefined && status < 200) return true;
    const start = status === undefined ? startOf(methods[head.method ?? -1] ?? '', url) : String(status);
    this.current = { start, fields: gathered(fields), body: '', complete: false, staysOpen: head.staysOpen };
    this.messages.push(this.current);
    return this.asked[this.messages.length - 1] === 'HEAD';
  }
}

function startOf(method: string, url: string): string {
  const [, path = '', query] = /^([^?]*)\??(.*)$/s.exec(url) ?? [];
  return requestStart(method, path, new URLSearchParams(query));
}

type HeadValues = [
  major: number,
  minor: number,
  fields: string[] | undefined,
  method: number | undefined,
  url: string | undefined,
  status: number | undefined,
  reason: string | undefined,
  upgrade: boolean,
  staysOpen: boolean,
];

interface Head {
  readonly fields: readonly string[] | undefined;
  readonly method: number | undefined;
  readonly url: string | undefined;
  readonly status: number | undefined;
  readonly staysOpen: boolean;
}

/** The text of raw fields (name, value, name, value …). */
export function gathered(fields: readonly string[]): string {
  const values = new Map<string, string>();
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = (fields[at] ?? '').toLowerCase();
    const earlier = values.get(name);
    values.set(name, earlier === undefined ? (fields[at + 1] ?? '') : `${earlier}, ${fields[at + 1]}`);
  }
  return fieldText(values);
}

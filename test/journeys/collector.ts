import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as it came. */
export interface CollectedSpan {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string }[];
  readonly status: { readonly code?: number; readonly message?: string };
}

/** A collector of OpenTelemetry: keeps what it is sent, and answers as it is told. */
export interface Collector extends AsyncDisposable {
  readonly url: string;
  /** The bodies that came, by path. */
  readonly bodies: Readonly<Record<'/v1/traces' | '/v1/metrics', string[]>>;
  readonly authorizations: readonly (string | undefined)[];
  spans(): readonly CollectedSpan[];
  /** Answers from now on with this status; never, with 0. */
  answer(status: number): void;
}

type Attribute = { readonly key: string; readonly value: Readonly<Record<string, unknown>> };

interface TraceBody {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<CollectedSpan, 'attributes' | 'service' | 'links'> & {
        readonly attributes: readonly Attribute[];
        readonly links?: CollectedSpan['links'];
      })[];
    }[];
  }[];
}

export async function openCollector(): Promise<Collector> {
  const bodies = { '/v1/traces': [] as string[], '/v1/metrics': [] as string[] };
  const authorizations: (string | undefined)[] = [];
  let status = 200;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => (body += piece.toString()));
    request.once('end', () => {
      authorizations.push(request.headers.authorization);
      if (status === 200 && (request.url === '/v1/traces' || request.url === '/v1/metrics'))
        bodies[request.url].push(body);
      if (status !== 0) response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bodies,
    authorizations,
    answer: (next) => void (status = next),
    spans: () => bodies['/v1/traces'].flatMap((body) => spansIn(JSON.parse(body) as TraceBody)),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function spansIn({ resourceSpans }: TraceBody): readonly CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        ...span,
        service: String(valuesOf(resource.attributes)['service.name']),
        attributes: valuesOf(span.attributes),
        links: span.links ?? [],
      })),
    ),
  );
}

function valuesOf(attributes: readonly Attribute[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

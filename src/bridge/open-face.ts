import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../kernel/clock.ts';
import type { GatewayConnection } from './gateway-connection.ts';
import { startHttpFace } from './http-face.ts';
import type { BridgeLimits } from './limits.ts';
import { startStdioFace } from './stdio-face.ts';

/** How an MCP client comes in, and what every bridge needs beside it. */
export interface FaceOptions {
  readonly face:
    | { readonly kind: 'stdio'; readonly input: Readable; readonly output: Writable }
    | { readonly kind: 'http'; readonly port: number };
  readonly clock: Clock;
  /** Takes one line for a person. No message content and no secret ever comes here. */
  readonly log: (line: string) => void;
  readonly limits?: Partial<BridgeLimits>;
}

/** A bridge at work. */
export interface RunningBridge extends AsyncDisposable {
  readonly face: { readonly kind: 'stdio' } | { readonly kind: 'http'; readonly url: string };
  /** The exit code, once the client is gone or the bridge was disposed of. */
  readonly ended: Promise<number>;
}

/** Opens the way to the client; `around` is closed when it ends. Throws Fault `port_taken`. */
export async function openFace(
  { face, clock, log }: FaceOptions,
  parts: {
    readonly gateway: GatewayConnection;
    readonly limits: BridgeLimits;
    readonly around: AsyncDisposableStack;
  },
): Promise<RunningBridge> {
  const { gateway, limits, around } = parts;
  if (face.kind === 'http') {
    const running = await startHttpFace({ port: face.port, gateway, limits, clock });
    log(`The bridge listens on ${running.url}`);
    return { face: { kind: 'http', url: running.url }, ...lifeOf(running, around) };
  }
  const running = startStdioFace({ input: face.input, output: face.output, gateway, limits, log });
  return { face: { kind: 'stdio' }, ...lifeOf(running, around) };
}

/** What stands behind the face is closed when the face has ended, whoever ended it. */
function lifeOf(
  face: AsyncDisposable & { readonly ended: Promise<number> },
  around: AsyncDisposableStack,
): Omit<RunningBridge, 'face'> {
  const wait = async (): Promise<number> => {
    try {
      return await face.ended;
    } finally {
      await around.disposeAsync();
    }
  };
  const ended = wait();
  return {
    ended,
    async [Symbol.asyncDispose]() {
      await face[Symbol.asyncDispose]();
      await ended;
    },
  };
}

import type { Readable, Writable } from 'node:stream';
import type { GatewayConnection } from './gateway-connection.ts';
import { createLineCutter } from '../mcp/line-cutter.ts';
import { createLineWriter } from './line-writer.ts';
import type { BridgeLimits } from './limits.ts';
import { createStdioSession } from './stdio-session.ts';

/** A face towards an MCP client. */
export interface RunningFace extends AsyncDisposable {
  /** Resolves with the exit code when the client is gone and everything is closed. */
  readonly ended: Promise<number>;
}

/** Speaks MCP over standard input and output: one JSON-RPC message a line and nothing else (MCP, stdio). */
export function startStdioFace(options: {
  readonly input: Readable;
  readonly output: Writable;
  readonly gateway: GatewayConnection;
  readonly limits: BridgeLimits;
  readonly log: (line: string) => void;
}): RunningFace {
  const { input, gateway, limits, log } = options;
  const writer = createLineWriter(options.output);
  const session = createStdioSession({ gateway, limits, log, write: writer.write });
  const leave = (): void => void input.destroy();
  writer.gone.addEventListener('abort', leave, { once: true });
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => (closing ??= session.close());

  const run = async (): Promise<number> => {
    const wasWhole = await readLines(input, limits.lineBytes, session);
    if (wasWhole && !closing) await session.finish(limits.finishMilliseconds);
    await close();
    return 0;
  };
  const ended = run();
  return {
    ended,
    async [Symbol.asyncDispose]() {
      const closed = close();
      leave();
      await closed;
      await ended;
    },
  };
}

/** Whether the input came to its end rather than being broken off. */
async function readLines(
  input: Readable,
  limit: number,
  session: { receive(line: Uint8Array): void; tooLong(): void },
): Promise<boolean> {
  const cutter = createLineCutter(limit, { line: session.receive, tooLong: session.tooLong });
  try {
    for await (const chunk of input as AsyncIterable<Uint8Array | string>) {
      cutter.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    }
  } catch {
    return false;
  }
  cutter.end();
  return true;
}

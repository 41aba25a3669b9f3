/** The answers of the benchmark's MCP server, as octets of HTTP/1.1, by the last part of its URL. */
export const answers = {
  '300b': () => whole(200),
  '4k': () => whole(4 * 1024),
  '100k': () => whole(100 * 1024),
  sse: () => stream(200),
} as const;

function result(characters: number): string {
  return JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    result: { resultType: 'complete', content: [{ type: 'text', text: 'x'.repeat(characters) }] },
  });
}

function whole(characters: number): Buffer {
  const body = result(characters);
  return Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
}

/** A progress notification and the result, each an event. */
function stream(characters: number): Buffer {
  const progress = JSON.stringify({
    jsonrpc: '2.0',
    method: 'notifications/progress',
    params: { progressToken: 1, progress: 1 },
  });
  const events = [progress, result(characters)].map((data) => `event: message\ndata: ${data}\n\n`).join('');
  return Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n` +
      `${events.length.toString(16)}\r\n${events}\r\n0\r\n\r\n`,
  );
}

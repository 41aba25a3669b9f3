import { openEchoServer } from '../../test/faults/kit/echo-server.ts';

/** So many MCP servers in one process, each on a port of its own. Prints their URLs as one line of JSON. */
const servers = await Promise.all(
  Array.from({ length: Number(process.argv[2] ?? 24) }, () => openEchoServer()),
);
process.stdout.write(`${JSON.stringify(servers.map(({ url }) => url))}\n`);

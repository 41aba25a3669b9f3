/** Who reads and writes HTTP/1.1: `wire` is ours, `node` (node:http and undici) the reference that it is held against. */
export type HttpEngine = 'wire' | 'node';

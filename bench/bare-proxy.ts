import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';

/** A mutual-TLS proxy with nothing but Node's own modules and no checks: what the platform costs by itself. */
const [identity = '', upstream = ''] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true });
const server = createServer(
  {
    cert: readFileSync(join(identity, 'certificate.pem')),
    key: readFileSync(join(identity, 'key.pem')),
    ca: readFileSync(join(identity, 'roots.pem')),
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
  },
  (incoming, outgoing) => {
    const options = {
      port: Number(upstream),
      path: incoming.url,
      method: incoming.method,
      headers: incoming.headers,
      agent,
    };
    const forwarded = request(options, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.once('error', () => outgoing.destroy());
    incoming.pipe(forwarded);
  },
);
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' && address ? address.port : 0}\n`);
});

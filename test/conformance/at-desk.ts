import { request } from 'node:http';

/** The client that the suite starts for each scenario: it hands its task in at a desk, where the bridge is, and ends as that did. */
const {
  MCP_CONFORMANCE_SCENARIO: scenario = '',
  MCP_CONFORMANCE_PROTOCOL_VERSION: revision = '',
  MCP_CONFORMANCE_CONTEXT: context = '{}',
  COUNTERSIGN_DESK: desk = '',
} = process.env;
const [, , server = ''] = process.argv;

// The other scenarios of a set are for another client.
if (scenario.startsWith('auth/')) {
  const asking = request(desk, { method: 'POST' }, (answer) => {
    process.exitCode = answer.statusCode === 200 ? 0 : 1;
    answer.resume();
  });
  asking.once('error', () => {
    process.exitCode = 1;
  });
  asking.end(JSON.stringify({ server, scenario, revision, context: JSON.parse(context) as unknown }));
}

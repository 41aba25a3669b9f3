import { readFileSync, writeFileSync } from 'node:fs';
import { configJsonSchema } from '../src/app/config/json-schema.ts';
import { agentPassportsJsonSchema } from '../src/app/config/agent-passports-file.ts';
import { attestationJsonSchema } from '../src/app/config/attestation-file.ts';
import { clientsJsonSchema } from '../src/app/config/clients-file.ts';
import { issuanceJsonSchema } from '../src/app/config/issuance-file.ts';
import { limitsJsonSchema } from '../src/app/config/limits-file.ts';
import { callApprovalsJsonSchema } from '../src/app/config/call-approvals-file.ts';
import { signedCallsJsonSchema } from '../src/app/config/signed-calls-file.ts';
import { tokensJsonSchema } from '../src/app/config/tokens-schema.ts';
import { peopleJsonSchema } from '../src/app/config/people-file.ts';
import { workloadsJsonSchema } from '../src/app/config/workloads-file.ts';
import { defaultsTable } from '../src/app/config/defaults-table.ts';

/** Rewrites the JSON Schemas of countersign.yaml, agent-passports.yaml, attestation.yaml, clients.yaml, issuance.yaml, limits.yaml, people.yaml, tokens.yaml and workloads.yaml and the table of settings in docs/defaults.md from the code. */
writeFileSync('docs/countersign.schema.json', `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
writeFileSync('docs/agent-passports.schema.json', `${JSON.stringify(agentPassportsJsonSchema(), null, 2)}\n`);
writeFileSync('docs/attestation.schema.json', `${JSON.stringify(attestationJsonSchema(), null, 2)}\n`);
writeFileSync('docs/clients.schema.json', `${JSON.stringify(clientsJsonSchema(), null, 2)}\n`);
writeFileSync('docs/issuance.schema.json', `${JSON.stringify(issuanceJsonSchema(), null, 2)}\n`);
writeFileSync('docs/limits.schema.json', `${JSON.stringify(limitsJsonSchema(), null, 2)}\n`);
writeFileSync('docs/call-approvals.schema.json', `${JSON.stringify(callApprovalsJsonSchema(), null, 2)}\n`);
writeFileSync('docs/signed-calls.schema.json', `${JSON.stringify(signedCallsJsonSchema(), null, 2)}\n`);
writeFileSync('docs/tokens.schema.json', `${JSON.stringify(tokensJsonSchema(), null, 2)}\n`);
writeFileSync('docs/workloads.schema.json', `${JSON.stringify(workloadsJsonSchema(), null, 2)}\n`);
writeFileSync('docs/people.schema.json', `${JSON.stringify(peopleJsonSchema(), null, 2)}\n`);
const page = readFileSync('docs/defaults.md', 'utf8');
const [head = '', rest = ''] = page.split(/^\| setting .*\n(?:\|.*\n)*/m);
writeFileSync('docs/defaults.md', `${head}${defaultsTable()}${rest}`);

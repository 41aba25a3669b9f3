/** The file of whose attestations of devices count, in the data folder of the authority. */
export const attestationFileName = 'attestation.yaml';

/** The file of what is asked for before a certificate is issued, in the data folder of the authority. */
export const issuanceFileName = 'issuance.yaml';

/** The file of providers at which people log in, in the data folder of the authority. */
export const peopleFileName = 'people.yaml';

/** The file of clients of the authorization server, in the data folder of the authority. */
export const clientsFileName = 'clients.yaml';

/** The file of issuers of JWTs to workloads, in the data folder of the authority. */
export const workloadsFileName = 'workloads.yaml';

/** The file of Agent Passports, beside the policies. */
export const agentPassportsFileName = 'agent-passports.yaml';

/** The file of limits, beside the policies. */
export const limitsFileName = 'limits.yaml';

/** The file of who approves calls, beside the policies. */
export const callApprovalsFileName = 'call-approvals.yaml';

/** The file of servers whose calls have to be signed, beside the policies. */
export const signedCallsFileName = 'signed-calls.yaml';

/** The file of token rules, beside the policies. */
export const tokensFileName = 'tokens.yaml';

/** The file of labels and how long it is remembered what was used, beside the policies. */
export const flowsFileName = 'flows.yaml';

/** The file of where audit logs are exported to, in the data folder of the authority or the state folder of a gateway. */
export const auditExportFileName = 'audit-export.yaml';

/** The file that says where the state of an authority is, in its data folder. */
export const storeFileName = 'store.yaml';

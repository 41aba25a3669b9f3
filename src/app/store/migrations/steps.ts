import { Fault } from '../../../kernel/fault.ts';
import { first } from './0001-first.ts';
import { acme } from './0002-acme.ts';
import { usedTokens } from './0003-used-tokens.ts';
import { ends } from './0004-ends.ts';
import { batchTokens } from './0005-batch-tokens.ts';
import { devices } from './0006-devices.ts';
import { issuers } from './0007-issuers.ts';
import { approvals } from './0008-approvals.ts';
import { scep } from './0009-scep.ts';
import { people } from './0010-people.ts';
import { attestations } from './0011-attestations.ts';
import { partners } from './0012-partners.ts';
import { alerts } from './0013-alerts.ts';
import { hardware } from './0014-hardware.ts';
import { passkeys } from './0015-passkeys.ts';
import { oauth } from './0016-oauth.ts';
import { consents } from './0017-consents.ts';
import { tokenOwners } from './0018-token-owners.ts';
import { subAgents } from './0019-sub-agents.ts';
import { sessionsAtProviders } from './0020-sessions-at-providers.ts';
import { tools } from './0021-tools.ts';
import { callApprovals } from './0022-call-approvals.ts';
import { flowOrders } from './0023-flow-orders.ts';
import { instances } from './0024-instances.ts';
import type { Migration } from './migration.ts';

/** Every step, in order. */
export const migrations: readonly Migration[] = [
  first,
  acme,
  usedTokens,
  ends,
  batchTokens,
  devices,
  issuers,
  approvals,
  scep,
  people,
  attestations,
  partners,
  alerts,
  hardware,
  passkeys,
  oauth,
  consents,
  tokenOwners,
  subAgents,
  sessionsAtProviders,
  tools,
  callApprovals,
  flowOrders,
  instances,
];

/** The schema version this program writes. */
export const schemaVersion = migrations.length;

/** Throws Fault `state_newer` for a schema that a newer version of the program wrote. */
export function refuseNewer(found: number): void {
  if (found <= schemaVersion) return;
  throw new Fault(
    'state_newer',
    `The state has schema ${found}, and this version of Countersign knows schemas up to ${schemaVersion}. ` +
      'Nothing was changed. Start the version that wrote it, or a newer one.',
  );
}

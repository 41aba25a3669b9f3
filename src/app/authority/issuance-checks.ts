import type { Redactor } from '../../secrets/redact.ts';
import { createSecretResolver } from '../../secrets/resolve.ts';
import type { AuditLog } from '../../audit/log.ts';
import type { IssuanceCheck } from '../../ca/issuance-check.ts';
import { type ApprovalQueueParts, approvalCheck } from '../../enrol/approval/approval-queue.ts';
import { deviceCheck } from '../../enrol/device/device-compliance.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Store } from '../store/store.ts';
import type { ChangingFile } from './changing-file.ts';
import type { DataFolder } from './data-folder.ts';
import { issuanceFile, type RunningRules } from './issuance-rules.ts';

/** The rules of a data folder, and what makes the authority keep to them. */
export interface Issuance extends AsyncDisposable {
  readonly file: ChangingFile<RunningRules>;
  readonly checks: readonly IssuanceCheck[];
  readonly queue: ApprovalQueueParts;
}

/** A file that is wrong from the start is told now, not to the first who asks. Throws Fault `config_invalid`. */
export async function openIssuance(options: {
  readonly data: DataFolder;
  readonly store: Pick<Store, 'agents' | 'approvals'>;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly redactor: Redactor;
  readonly clock: Clock;
}): Promise<Issuance> {
  const { data, store, audit, environment, redactor, clock } = options;
  const secrets = createSecretResolver({ environment, redactor, clock });
  const file = issuanceFile(data.issuance, secrets, clock);
  await file.current();
  const rules = async () => (await file.current()).devices;
  const queue = {
    rules: async () => (await file.current()).approvals,
    records: store.approvals,
    audit,
    clock,
  };
  return {
    file,
    checks: [deviceCheck({ rules, agents: store.agents, audit }), approvalCheck(queue)].map(ofOthers),
    queue,
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

/** The authority's own certificates, and those of the gateway within it, ask nobody: without them nobody could be asked. */
function ofOthers(check: IssuanceCheck): IssuanceCheck {
  return {
    check: async (approved, evidence) =>
      evidence.door === 'own' ? undefined : await check.check(approved, evidence),
  };
}

import type { AgentRecord } from '../../identity/agent-record.ts';
import { equalBytes, utf8 } from '../../kernel/bytes.ts';
import { Fault } from '../../kernel/fault.ts';
import { isOpen, type JoinTokenRecord, type JoinTokenRecords } from './join-token-records.ts';

/** Join tokens that live as long as the process. `register` is told of the agents that batch tokens bring. */
export function memoryJoinTokens(register: (agent: AgentRecord) => void = () => undefined): JoinTokenRecords {
  const rows = new Map<string, JoinTokenRecord>();
  const given = new Set<string>();
  const put = (record: JoinTokenRecord): void => void rows.set(record.id, Object.freeze({ ...record }));
  const endAll = (those: readonly JoinTokenRecord[], now: number): number => {
    for (const row of those) put({ ...row, expiresAt: now });
    return those.length;
  };
  const open = (now: number): JoinTokenRecord[] => [...rows.values()].filter((row) => isOpen(row, now));
  return {
    async add(record) {
      if (rows.has(record.id)) throw new Fault('conflict', `The join token ${record.id} exists already.`);
      put(record);
    },
    async find(id, secretHash, now) {
      const record = rows.get(id);
      if (!record || !equalBytes(utf8(record.secretHash), utf8(secretHash))) return null;
      return isOpen(record, now) ? record : null;
    },
    async use(id, { name, agent }, now) {
      const record = rows.get(id);
      if (!record || !isOpen(record, now)) return false;
      const { batch } = record;
      if (batch) {
        const key = `${record.kind} ${name}`;
        if (given.has(key)) throw new Fault('conflict', `The name ${name} was given before.`);
        given.add(key);
        if (agent) register(agent);
      }
      put({ ...record, redeemedAt: now, batch: batch && { ...batch, used: batch.used + 1 } });
      return true;
    },
    withdraw: async (name, kinds, now) =>
      endAll(
        open(now).filter((row) => row.name === name && kinds.includes(row.kind)),
        now,
      ),
    withdrawOwned: async (owner, now) =>
      endAll(
        open(now).filter(({ batch }) => batch?.owner === owner),
        now,
      ),
    async end(id, now) {
      const record = rows.get(id);
      if (!record) throw new Fault('not_found', `There is no join token ${id}.`);
      return endAll(isOpen(record, now) ? [record] : [], now) === 1;
    },
    async list() {
      return [...rows.values()].sort((a, b) => a.createdAt - b.createdAt);
    },
  };
}

import type { AuditLog } from '../../audit/log.ts';
import { openFlowJournal } from '../../gateway/flow/flow-journal.ts';
import type { FlowMemory } from '../../gateway/flow/flow-memory.ts';
import type { LimitStore } from '../../gateway/limit-store.ts';
import { memoryLimitStore } from '../../gateway/memory-limits.ts';
import type { Clock } from '../../kernel/clock.ts';
import { readTextFile } from '../../kernel/durable-file.ts';
import { memoryReplays } from '../../oauth/resource/memory-replays.ts';
import type { ProofReplays } from '../../oauth/resource/ports.ts';
import { memoryNonces } from '../../oauth/signed-call/memory-nonces.ts';
import type { UsedNonces } from '../../oauth/signed-call/used-nonces.ts';
import { redisFlow } from '../../redis/redis-flow.ts';
import { redisLimits } from '../../redis/redis-limits.ts';
import { type LinkState, RedisLink } from '../../redis/redis-link.ts';
import { redisNonces } from '../../redis/redis-nonces.ts';
import { redisPlace } from '../../redis/redis-place.ts';
import { redisReplays } from '../../redis/redis-replays.ts';
import { sharedScripts } from '../../redis/shared-scripts.ts';
import type { SecretResolver } from '../../secrets/resolve.ts';
import type { Config } from '../config/config.ts';
import type { OwnIdentity } from './own-identity.ts';

/** How the memory that gateways share is, seen from this one. */
export interface SharedMemoryState extends LinkState {
  /** Requests that were let in by the limits of this gateway alone, because it was away. */
  readonly alone: number;
  /** Whether nothing is let in while it is away. */
  readonly needed: boolean;
}

/** What a gateway remembers from one call to the next: by itself, or together with the others. */
export interface GatewayMemories extends AsyncDisposable {
  readonly limits: LimitStore;
  /** Nonces of signed calls. */
  readonly nonces: UsedNonces;
  /** Acts of agents with passports. */
  readonly acts: UsedNonces;
  readonly proofs: ProofReplays;
  readonly flow: FlowMemory;
  /** null where each gateway remembers for itself. */
  shared(): SharedMemoryState | null;
}

export interface MemoryOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly trustDomain: string;
  readonly identity: Pick<OwnIdentity, 'current'>;
  /** Where it is written what agents have used. */
  readonly flowFile: string;
  readonly secrets: SecretResolver;
  readonly audit: Pick<AuditLog, 'note'>;
  readonly log: (line: string) => void;
}

/** Opens them. One that is shared and away is no error: what becomes of calls then is configured. Throws what reading the journal of flows throws. */
export async function openGatewayMemories(options: MemoryOptions): Promise<GatewayMemories> {
  const { clock, config, flowFile } = options;
  const { sharedMemory } = config;
  await using opened = new AsyncDisposableStack();
  const journal = opened.use(await openFlowJournal(flowFile, clock));
  const own = {
    limits: memoryLimitStore(clock),
    nonces: memoryNonces(clock),
    acts: memoryNonces(clock),
    proofs: memoryReplays(clock),
    flow: journal,
  };
  if (sharedMemory.url === '') {
    const held = opened.move();
    return { ...own, shared: () => null, [Symbol.asyncDispose]: () => held.disposeAsync() };
  }
  const link = opened.use(await openLink(options));
  const limits = opened.use(redisLimits(link, own.limits, sharedMemory.limitsWhenAway));
  const held = opened.move();
  return {
    limits,
    nonces: redisNonces(link, 'call', clock, own.nonces),
    acts: redisNonces(link, 'act', clock, own.acts),
    proofs: redisReplays(link, clock, own.proofs),
    flow: redisFlow(link, journal, sharedMemory.flowsWhenAway),
    shared: () => ({
      ...link.state,
      alone: limits.alone,
      needed: sharedMemory.limitsWhenAway === 'refuse',
    }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** In UTF-16 units. */
const longestReason = 300;

function openLink(options: MemoryOptions): Promise<RedisLink> {
  const { clock, trustDomain, identity, secrets, audit, log } = options;
  const { url, username, password, ca, waitMilliseconds, limitsWhenAway, flowsWhenAway } =
    options.config.sharedMemory;
  let away = false;
  return RedisLink.open({
    place: redisPlace(url),
    clock,
    waitMilliseconds,
    domain: trustDomain,
    scripts: sharedScripts,
    async credentials() {
      const { certificate, key } = identity.current();
      return {
        username: username || null,
        password: password === '' ? null : await secrets.resolve(password),
        authorities: ca === '' ? null : await readTextFile(ca),
        certificate: { certificate, key },
      };
    },
    onChange(reason) {
      // It may be what the server said.
      const why = reason === null ? null : reason.slice(0, longestReason);
      if (why === null) {
        if (away) {
          log('The memory that gateways share is back.');
          audit.note({ type: 'shared-memory.back' });
        }
        away = false;
        return;
      }
      away = true;
      const limits =
        limitsWhenAway === 'local' ? 'limits hold for each gateway by itself' : 'nothing is let in';
      log(
        `The memory that gateways share (${url}) is away: ${why}. Meanwhile ${limits}, and whatever may be used once is refused.`,
      );
      audit.note({ type: 'shared-memory.away', why, limits: limitsWhenAway, flows: flowsWhenAway });
    },
  });
}

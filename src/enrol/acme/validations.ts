import type { AuditLog } from '../../audit/log.ts';
import type { Clock } from '../../kernel/clock.ts';
import { problem } from './acme-problem.ts';
import type {
  AcmeAccountRecords,
  AcmeAuthorizationRecord,
  AcmeOrderRecords,
  StoredProblem,
} from './acme-records.ts';
import { nameOf } from './identifier.ts';
import { type Outside, validateChallenge } from './validate-challenge.ts';

/** Challenges that were chosen are looked at here, beside the requests. */
export interface Validations extends AsyncDisposable {
  /** Begins to look at the chosen challenge of an authorization. */
  start(authorization: AcmeAuthorizationRecord): void;
  /** Goes on with what a stopped process had begun; with these of it alone when they are named. */
  resume(only?: ReadonlySet<string>): Promise<void>;
}

interface ValidationParts {
  readonly accounts: Pick<AcmeAccountRecords, 'find'>;
  readonly orders: Pick<AcmeOrderRecords, 'unsettled' | 'settle'>;
  readonly outside: Outside;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
}

/** How many are looked at at once; the others wait in the order they came. */
const atOnce = 32;
/** RFC 8555 §8.2: a server may look again. Before each look it waits so long. */
const patience = [0, 1_000, 4_000];

/** What looking again does not change: an address that may not be reached, a redirect, another status. */
const { type: hopeless } = problem('unauthorized', '');

/** Ending it leaves what is not settled for the next start. */
export function createValidations(parts: ValidationParts): Validations {
  const ended = new AbortController();
  const waiting: AcmeAuthorizationRecord[] = [];
  const running = new Set<Promise<void>>();

  const next = (): void => {
    while (running.size < atOnce && !ended.signal.aborted) {
      const authorization = waiting.shift();
      if (!authorization) return;
      const run = settleOne(authorization, parts, ended.signal)
        // The log or the store cannot be written: the challenge stays as it is, and the next start looks again.
        .catch(() => undefined)
        .finally(() => {
          running.delete(run);
          next();
        });
      running.add(run);
    }
  };
  const start = (authorization: AcmeAuthorizationRecord): void => {
    waiting.push(authorization);
    next();
  };
  return {
    start,
    async resume(only) {
      for (const authorization of await parts.orders.unsettled()) {
        if (only?.has(authorization.id) !== false) start(authorization);
      }
    },
    async [Symbol.asyncDispose]() {
      ended.abort();
      await Promise.all(running);
    },
  };
}

async function settleOne(
  authorization: AcmeAuthorizationRecord,
  parts: ValidationParts,
  signal: AbortSignal,
): Promise<void> {
  const { id, orderId, accountId: account, challenge } = authorization;
  const refuted = await lookAgain(authorization, parts, signal);
  if (signal.aborted) return;
  const identifier = nameOf(authorization.identifier);
  const facts = { account, order: orderId, identifier, challenge };
  // The log knows of a proof before anything rests on it.
  if (refuted) await parts.audit.append({ type: 'acme-challenge.failed', ...facts, problem: refuted });
  else await parts.audit.append({ type: 'acme-challenge.validated', ...facts });
  await parts.orders.settle(id, refuted ? { problem: refuted } : { at: parts.clock.now() });
}

async function lookAgain(
  authorization: AcmeAuthorizationRecord,
  { accounts, outside }: ValidationParts,
  signal: AbortSignal,
): Promise<StoredProblem | null> {
  const { accountId, challenge, identifier, token } = authorization;
  const account = await accounts.find(accountId);
  if (!account || !challenge) throw new TypeError('There is nothing to look at.');
  // What the device sent is looked at when it comes, and not kept.
  if (challenge === 'device-attest-01') {
    return problem('serverInternal', 'The authority stopped before it had looked. Make a new order.');
  }
  const keyAuthorization = `${token}.${account.thumbprint}`;
  const value = identifier.value.replace(/^\*\./, '');
  const attempt = { challenge, token, keyAuthorization, identifier: { type: identifier.type, value } };
  let found: StoredProblem | null = null;
  for (const wait of patience) {
    if (!(await rested(wait, signal))) return found;
    found = await validateChallenge(attempt, outside, signal);
    if (!found || found['type'] === hopeless) return found;
  }
  return found;
}

/** False when it was ended meanwhile. */
function rested(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  if (milliseconds === 0) return Promise.resolve(true);
  return new Promise((resolve) => {
    const timer = setTimeout(() => settle(true), milliseconds);
    const stop = (): void => settle(false);
    const settle = (whole: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      resolve(whole);
    };
    signal.addEventListener('abort', stop, { once: true });
  });
}

import type { Entry } from '../../audit/entry.ts';
import { sha256Base64url } from '../../kernel/bytes.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import type { Webhook } from '../../http/webhook.ts';
import type { Alert, Issuance } from './alert.ts';
import type { Expected } from './expected-issuances.ts';
import { type Ask, beginState, followLog } from './follow-log.ts';
import { keepState, loadState, type MonitorState } from './monitor-state.ts';

/** What a monitor works with. */
export interface MonitorParts {
  readonly folder: string;
  readonly ask: Ask;
  /** The key of the log in PEM, kept elsewhere; null believes the first answer. */
  readonly key: string | null;
  readonly watched: (name: string) => boolean;
  /** Null lists only. */
  readonly expected: Expected | null;
  readonly webhook: Pick<Webhook, 'tell'> | null;
  /** Told of every issuance of a watched name, and of every alert, in the order of the log. */
  readonly show: (found: Found) => Promise<void>;
  /** One line for a person. */
  readonly say: (line: string) => void;
}

export type Found =
  | { readonly type: 'issued'; readonly issuance: Issuance }
  | { readonly type: 'alert'; readonly alert: Alert };

/** What came of one look at a log. */
export interface Look {
  readonly origin: string;
  /** How many entries it has, and how many of them are new to this monitor. */
  readonly entries: number;
  readonly fresh: number;
  readonly issued: number;
  readonly alerts: number;
  /** Alerts that the receiver has not taken; they are told again with the next look. */
  readonly untold: number;
}

/** While so many wait for the receiver no entry is read, so that none is lost. */
const mostPending = 1_000;
/** How many serials are remembered as alerted of before they are issued; more would be alerted of twice. */
const mostAlerted = 1_000;

/**
 * Looks at the log once: verifies what is new, shows it, and tells the receiver. The state is kept page by page, after what was
 * found in the page: a crash shows again and forgets nothing.
 * Throws Fault `audit_broken` when the log was rolled back or rewritten; the receiver was told if it could be.
 */
export async function lookOnce(parts: MonitorParts): Promise<Look> {
  const begin = (await loadState(parts.folder)) ?? (await beginState(parts.ask, parts.key));
  let state = await tellPending(begin, parts);
  if (state.pending.length >= mostPending) {
    throw new Fault(
      'unavailable',
      `${mostPending} alerts wait for their receiver; nothing is read meanwhile.`,
    );
  }
  const counts = { issued: 0, alerts: 0 };
  try {
    for await (const page of followLog(state, parts.ask)) {
      const found = findingsOf(page.entries, state, parts);
      for (const one of found.shown) await parts.show(one);
      const alerts = found.shown.flatMap((one) => (one.type === 'alert' ? [one.alert] : []));
      counts.alerts += alerts.length;
      counts.issued += found.shown.length - alerts.length;
      const pending = parts.webhook ? [...state.pending, ...alerts] : [];
      state = { ...page.state, alerted: found.alerted, pending, broken: null };
      await keepState(parts.folder, state);
      state = await tellPending(state, parts);
      if (state.pending.length >= mostPending) break;
    }
  } catch (error) {
    if (error instanceof Fault && error.code === 'audit_broken') await alarm(state, error.message, parts);
    throw error;
  }
  const { origin, read: entries } = state;
  return { origin, entries, fresh: entries - begin.read, ...counts, untold: state.pending.length };
}

/** Shown with every look, told once. */
async function alarm(state: MonitorState, reason: string, parts: MonitorParts): Promise<void> {
  const { origin, checkpoint } = state;
  const alert: Alert = {
    type: 'alert',
    alert: 'log-broken',
    id: sha256Base64url(JSON.stringify([origin, checkpoint, reason])),
    origin,
    reason,
    knownCheckpoint: checkpoint,
  };
  await parts.show({ type: 'alert', alert });
  if (state.broken === reason) return;
  const pending = parts.webhook ? [...state.pending, alert] : [];
  const told = { ...state, pending, broken: reason };
  await keepState(parts.folder, told);
  await tellPending(told, parts);
}

/** Tells what the receiver has not taken, in order; the first that it does not take ends it. */
async function tellPending(
  state: MonitorState,
  { webhook, folder, say }: MonitorParts,
): Promise<MonitorState> {
  if (!webhook || state.pending.length === 0) return state;
  let taken = 0;
  try {
    for (const alert of state.pending) {
      await webhook.tell(alert, alert.id);
      taken += 1;
    }
  } catch (error) {
    say(`The receiver of alerts did not take one; it is told again: ${errorText(error)}`);
  }
  const left = { ...state, pending: state.pending.slice(taken) };
  if (taken > 0) await keepState(folder, left);
  return left;
}

function findingsOf(
  entries: readonly Entry[],
  state: MonitorState,
  { watched, expected }: MonitorParts,
): { readonly shown: readonly Found[]; readonly alerted: readonly string[] } {
  const shown: Found[] = [];
  const alerted = new Set(state.alerted);
  for (const entry of entries) {
    const issuance = issuanceOf(entry);
    if (!issuance || !watched(issuance.name)) continue;
    if (issuance.stage === 'issued') shown.push({ type: 'issued', issuance });
    // The intent stands in the log before the signature, so it is what is judged; once for each certificate.
    const before = issuance.stage === 'issued' && alerted.delete(issuance.serial);
    if (before || expected === null || expected(issuance)) continue;
    if (issuance.stage === 'reserved') alerted.add(issuance.serial);
    shown.push({ type: 'alert', alert: unexpected(issuance, state.origin) });
  }
  return { shown, alerted: [...alerted].slice(-mostAlerted) };
}

function unexpected(issuance: Issuance, origin: string): Alert {
  const id = sha256Base64url(JSON.stringify([origin, issuance.index, issuance.serial]));
  return { type: 'alert', alert: 'certificate-unexpected', id, origin, ...issuance };
}

/** What an entry says of an issuance, or null when it is about something else. */
function issuanceOf({ index, time, event }: Entry): Issuance | null {
  if (event.type !== 'certificate.reserved' && event.type !== 'certificate.issued') return null;
  const text = (member: string): string | null => {
    const value = event[member];
    return typeof value === 'string' ? value : null;
  };
  const notAfter = event['notAfter'];
  return {
    index,
    time,
    stage: event.type === 'certificate.issued' ? 'issued' : 'reserved',
    serial: text('serial') ?? '',
    name: text('name') ?? '',
    kind: text('kind') ?? '',
    door: text('door') ?? '',
    owner: text('owner'),
    keyHash: text('keyHash'),
    replaces: text('replaces'),
    notAfter: typeof notAfter === 'number' ? notAfter : 0,
  };
}

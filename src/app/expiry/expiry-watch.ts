import type { AuditEvent, AuditLog } from '../../audit/log.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { leafProfiles } from '../../x509/leaf-profile.ts';
import type { AlertRecord, AlertRecords, NewAlert } from '../store/alert-records.ts';
import type { CertificateEnds, EndPlace } from '../store/certificate-ends.ts';
import { alertMessage } from './alert-message.ts';
import { countEnds, type EndMetrics } from './count-ends.ts';
import type { FailingRenewals } from './failing-renewals.ts';
import { isLate, type LateRules } from './late-certificate.ts';

/** A certificate of the authority itself. */
export interface CaCertificate {
  readonly kind: 'root' | 'intermediate';
  readonly name: string;
  readonly serial: string;
  readonly notAfter: number;
}

/** A tool whose definition is not the one that was approved. */
export interface ChangedTool {
  readonly server: string;
  readonly tool: string;
  /** What changed, in words. */
  readonly detail: string;
}

/** What the watch looks at and writes to. */
export interface ExpiryParts {
  readonly ends: CertificateEnds;
  readonly alerts: AlertRecords;
  /** Those in use now. */
  readonly authorities: () => readonly CaCertificate[];
  readonly renewals: FailingRenewals;
  /** Tools that are not what was approved, and that nobody has decided about since. */
  readonly changedTools: () => Promise<readonly ChangedTool[]>;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
  readonly rules: LateRules & {
    /** How long before its end a certificate of the authority is alerted of, in milliseconds. */
    readonly authorityWarning: number;
  };
  readonly trustDomain: string;
  /** Called when there is a message for the receiver; null when there is nobody to tell. */
  readonly receiver: (() => void) | null;
}

/** What is counted of alerts. */
interface AlertCounts {
  readonly alertsUnresolved: readonly (readonly [labels: readonly [string], count: number])[];
  readonly alertsUnacknowledged: number;
  /** Messages that the receiver has not taken. */
  readonly alertMessagesWaiting: number;
}

/** What the watch has counted, for the metrics of the `ops` listener. */
export interface ExpiryMetrics extends EndMetrics, AlertCounts {
  readonly renewalsFailed: number;
}

const causes: readonly AlertRecord['cause'][] = [
  'certificate-ending',
  'ca-ending',
  'renewal-failing',
  'tool-changed',
  'call-waiting',
];
const pageSize = 500;
/** How long an alert of a certificate that ended, or was mended, is kept, in milliseconds. */
const kept = 7 * 24 * 60 * 60_000;

/** Looks for certificates that end without having been renewed, and for renewals that fail. */
export class ExpiryWatch {
  private readonly parts: ExpiryParts;
  private counted: EndMetrics = { certificatesEnding: [], certificateSoonestEnd: [] };
  private alertCounts: AlertCounts = {
    alertsUnresolved: [],
    alertsUnacknowledged: 0,
    alertMessagesWaiting: 0,
  };
  private running: Promise<unknown> = Promise.resolve();
  /** The alerts that are not resolved. */
  private readonly known = new Set<string>();

  constructor(parts: ExpiryParts) {
    this.parts = parts;
  }

  /** Looks once at everything; one look after the other. Rejects like the store and the log, and the next looks again. */
  look(): Promise<void> {
    return this.after(async () => {
      await this.settle();
      await this.lookAtCertificates();
      await this.lookAtAuthorities();
      await this.raiseFailing();
      await this.raiseChanged();
      await this.parts.alerts.forget(this.parts.clock.now() - kept);
      await this.countAlerts();
    });
  }

  /** Raises what is to be raised for renewals that failed. */
  lookAtRenewals(): Promise<void> {
    return this.after(async () => {
      await this.settle();
      await this.raiseFailing();
      await this.countAlerts();
    });
  }

  /** Raises what is to be raised for tools that changed, and resolves what was decided. */
  lookAtTools(): Promise<void> {
    return this.after(async () => {
      await this.settle();
      await this.raiseChanged();
      await this.countAlerts();
    });
  }

  /** As of the last look. */
  metrics(): ExpiryMetrics {
    return { ...this.counted, ...this.alertCounts, renewalsFailed: this.parts.renewals.total() };
  }

  private after(work: () => Promise<void>): Promise<void> {
    const next = this.running.catch(() => undefined).then(work);
    this.running = next;
    return next;
  }

  private async lookAtCertificates(): Promise<void> {
    const { ends, clock, rules, authorities } = this.parts;
    const now = clock.now();
    const counts = countEnds(now, [...Object.keys(leafProfiles), 'intermediate', 'root']);
    for (const { kind, notAfter } of authorities()) counts.add(kind, notAfter);
    let place: EndPlace = { notAfter: now, serial: '' };
    for (;;) {
      const page = await ends.page(place, pageSize);
      for (const certificate of page) {
        const { kind, name, serial, notAfter: endsAt } = certificate;
        if (!certificate.superseded) counts.add(kind, endsAt);
        if (!isLate(certificate, now, rules)) continue;
        const detail = 'It was not renewed, and its time for that is over.';
        await this.raise({ cause: 'certificate-ending', kind, name, serial, endsAt, detail, code: null });
      }
      const last = page.at(-1);
      if (!last || page.length < pageSize) break;
      place = last;
      // Calls, renewals and revocations come first.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.counted = counts.metrics();
  }

  private async lookAtAuthorities(): Promise<void> {
    const { authorities, clock, rules } = this.parts;
    for (const { kind, name, serial, notAfter: endsAt } of authorities()) {
      if (endsAt - clock.now() > rules.authorityWarning) continue;
      const detail = `The certificate of the ${kind} nears its end; nothing that it issues lives longer.`;
      await this.raise({ cause: 'ca-ending', kind, name, serial, endsAt, detail, code: null });
    }
  }

  private async raiseFailing(): Promise<void> {
    const { renewals, ends } = this.parts;
    for (const { serial, code, reason, count } of renewals.list()) {
      const certificate = await ends.find(serial);
      if (!certificate || certificate.superseded || certificate.state !== 'issued') continue;
      const { kind, name, notAfter: endsAt } = certificate;
      // Told of, and given up.
      if (this.parts.clock.now() - endsAt > kept) continue;
      const detail = `Its renewal failed ${count} times in a row: ${reason}`;
      await this.raise({ cause: 'renewal-failing', kind, name, serial, endsAt, detail, code });
    }
  }

  private async raiseChanged(): Promise<void> {
    for (const { server: name, tool, detail } of await this.parts.changedTools()) {
      const about = {
        kind: 'tool',
        name,
        serial: `${name}/${tool}`,
        endsAt: null,
        code: 'tool_changed',
      } as const;
      await this.raise({ cause: 'tool-changed', ...about, detail });
    }
  }

  /** Puts every alert that is not resolved into the state that its certificate is in now, and learns which there are. */
  private async settle(): Promise<void> {
    const { alerts, clock } = this.parts;
    this.known.clear();
    for (const alert of await alerts.list(false)) {
      const to = await this.nextOf(alert);
      if (to?.state !== 'resolved') this.known.add(keyOf(alert));
      if (!to || to.state === alert.state || !(await this.hasRoom())) continue;
      await this.record({ ...alert, ...to });
      await alerts.change(alert.id, to, clock.now(), this.message());
      this.parts.receiver?.();
    }
  }

  private async nextOf(alert: AlertRecord): Promise<Pick<AlertRecord, 'state' | 'detail'> | null> {
    switch (alert.cause) {
      case 'ca-ending':
        return this.authorityState(alert);
      case 'tool-changed': {
        const changed = await this.parts.changedTools();
        if (changed.some(({ server, tool }) => `${server}/${tool}` === alert.serial)) return null;
        return { state: 'resolved', detail: 'An administrator has decided about the tool.' };
      }
      case 'call-waiting':
        // Those who look after calls that wait resolve it (`alertWaitingCalls`).
        return null;
      default:
        return await this.stateOf(alert);
    }
  }

  private authorityState(alert: AlertRecord): Pick<AlertRecord, 'state' | 'detail'> | null {
    const used = this.parts.authorities().some(({ serial }) => serial === alert.serial);
    if (!used) return { state: 'resolved', detail: 'Another certificate has taken its place.' };
    const over = alert.endsAt !== null && this.parts.clock.now() > alert.endsAt;
    return over ? { state: 'ended', detail: `The certificate of the ${alert.kind} has ended.` } : null;
  }

  private async stateOf({ serial }: AlertRecord): Promise<Pick<AlertRecord, 'state' | 'detail'> | null> {
    const certificate = await this.parts.ends.find(serial);
    if (certificate?.superseded) return { state: 'resolved', detail: 'It was renewed.' };
    if (certificate?.state !== 'issued') return { state: 'resolved', detail: 'It was revoked.' };
    const over = this.parts.clock.now() - certificate.notAfter;
    if (over > kept) return { state: 'resolved', detail: 'It ended a week ago and was never renewed.' };
    return over > 0 ? { state: 'ended', detail: 'It ended without having been renewed.' } : null;
  }

  /** The log first: a crash between says it twice, and never not at all. */
  private async raise(alert: NewAlert): Promise<void> {
    if (this.known.has(keyOf(alert)) || !(await this.hasRoom())) return;
    await this.record({ ...alert, state: 'open' });
    await this.parts.alerts.raise(alert, this.parts.clock.now(), this.message());
    this.known.add(keyOf(alert));
    this.parts.receiver?.();
  }

  private hasRoom(): Promise<boolean> {
    return this.parts.alerts.hasRoom(this.parts.receiver !== null);
  }

  private async record(alert: NewAlert & Pick<AlertRecord, 'state'>): Promise<void> {
    await this.parts.audit.append(eventOf(alert));
  }

  private message(): ((alert: AlertRecord) => JsonObject) | null {
    const { receiver, trustDomain } = this.parts;
    return receiver && ((alert) => alertMessage(alert, trustDomain));
  }

  private async countAlerts(): Promise<void> {
    const { alerts } = this.parts;
    const unresolved = await alerts.list(false);
    const of = (cause: AlertRecord['cause']): number =>
      unresolved.filter((alert) => alert.cause === cause).length;
    this.alertCounts = {
      alertsUnresolved: causes.map((cause) => [[cause], of(cause)]),
      alertsUnacknowledged: unresolved.filter(({ acknowledgedAt }) => acknowledgedAt === null).length,
      alertMessagesWaiting: await alerts.waiting(),
    };
  }
}

function keyOf({ cause, serial }: Pick<AlertRecord, 'cause' | 'serial'>): string {
  return `${cause} ${serial}`;
}

function eventOf(alert: NewAlert & Pick<AlertRecord, 'state'>): AuditEvent {
  const { cause, state, kind, name, serial, endsAt, detail, code } = alert;
  const facts = { cause, state, kind, name, serial, endsAt, detail, ...(code !== null && { code }) };
  return state === 'resolved' ? { type: 'alert.resolved', ...facts } : { type: 'alert.raised', ...facts };
}

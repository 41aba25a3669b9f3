import type { Clock } from '../../kernel/clock.ts';
import { readTextFile } from '../../kernel/durable-file.ts';
import { errorText } from '../../kernel/fault.ts';
import { createWebhook, type Webhook } from '../../http/webhook.ts';
import type { Redactor } from '../../secrets/redact.ts';
import { createSecretResolver } from '../../secrets/resolve.ts';
import type { Authority } from '../authority/authority.ts';
import type { Config } from '../config/config.ts';
import { type CaCertificate, type ExpiryMetrics, ExpiryWatch } from '../expiry/expiry-watch.ts';
import { type AlertTeller, tellAlerts } from '../expiry/tell-alerts.ts';
import { changedTools } from '../tools/changed-tools.ts';

/** The watch over ends of certificates, at work. */
export interface RunningExpiryWatch extends AsyncDisposable {
  /** Looks now. */
  look(): Promise<void>;
  metrics(): ExpiryMetrics;
  /** Why the receiver of alerts is not told, or null. */
  problem(): string | null;
  /** Says that there is a message for the receiver of alerts; null when there is nobody to tell. */
  readonly receiver: (() => void) | null;
}

/** How often it is looked, in milliseconds: often for certificates of an hour, and cheap for many. */
const lookMilliseconds = 60_000;
const webhookMilliseconds = 10_000;
const day = 24 * 60 * 60_000;

/** Looks at the ends of certificates for as long as the authority works. Throws what reading the file of authorities throws. */
export async function watchEnds(options: {
  readonly config: Config;
  readonly authority: Authority;
  readonly redactor: Redactor;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}): Promise<RunningExpiryWatch> {
  const { config, authority, redactor, clock, log } = options;
  const { latePercent, unseenAgents, authorityDays } = config.authority.alerts;
  const { store, audit, renewals, issuer, peers } = authority;
  await using opened = new AsyncDisposableStack();
  const webhook = await openReceiver(config, redactor, clock);
  const teller =
    webhook && opened.use(tellAlerts({ alerts: store.alerts, webhook, log, isTeller: () => peers.leads() }));
  // Ends what is being told before it is waited for.
  if (webhook) opened.use(webhook);
  const watch = new ExpiryWatch({
    ends: store.ends,
    alerts: store.alerts,
    authorities: () => authoritiesOf(authority),
    renewals,
    changedTools: () => changedTools(store.tools),
    audit,
    clock,
    rules: {
      share: latePercent / 100,
      unseenAgents: unseenAgents === 'alert',
      authorityWarning: authorityDays * day,
    },
    trustDomain: issuer.trustDomain,
    receiver: teller && (() => teller.wake()),
  });
  // What another authority has raised is told as well.
  opened.defer(peers.onBeat(async () => teller?.wake()));
  const held = opened.move();
  const stop = everySoOften(watch, authority, log);

  return running(watch, teller, async () => {
    await stop();
    await held.disposeAsync();
  });
}

function running(
  watch: ExpiryWatch,
  teller: AlertTeller | null,
  close: () => Promise<void>,
): RunningExpiryWatch {
  return {
    look: () => watch.look(),
    metrics: () => watch.metrics(),
    problem: () => teller?.problem() ?? null,
    receiver: teller && (() => teller.wake()),
    [Symbol.asyncDispose]: close,
  };
}

/** Looks at once, every minute, and when a renewal has failed often enough. Returns how to stop. */
function everySoOften(
  watch: ExpiryWatch,
  { renewals, tools, peers }: Pick<Authority, 'renewals' | 'tools' | 'peers'>,
  log: (line: string) => void,
): () => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  let failing = false;
  const note = (work: Promise<void>): void => {
    last = work.then(
      () => void (failing = false),
      (error: unknown) => {
        if (!failing)
          log(`The ends of certificates could not be looked at; it is tried again: ${errorText(error)}`);
        failing = true;
      },
    );
  };
  renewals.onFailing(() => note(watch.lookAtRenewals()));
  tools.onChanged(() => note(watch.lookAtTools()));
  const look = (): void => {
    if (peers.leads()) note(watch.look());
  };
  look();
  const timer = setInterval(look, lookMilliseconds);
  timer.unref();
  return async () => {
    clearInterval(timer);
    renewals.onFailing(() => undefined);
    tools.onChanged(() => undefined);
    await last;
  };
}

/** What signs here, and its root. */
function authoritiesOf({ issuer }: Authority): readonly CaCertificate[] {
  return issuer.chain.map(({ serial, notAfter, commonName }, at) => {
    const kind = at === issuer.chain.length - 1 ? 'root' : 'intermediate';
    return { kind, name: commonName ?? kind, serial, notAfter };
  });
}

async function openReceiver(config: Config, redactor: Redactor, clock: Clock): Promise<Webhook | null> {
  const { webhook: url, webhookSecret, webhookCa, webhookAddresses } = config.authority.alerts;
  if (url === '') return null;
  const secrets = createSecretResolver({ environment: process.env, redactor, clock });
  return createWebhook({
    url,
    secret: () => secrets.resolve(webhookSecret),
    ...(webhookCa !== '' && { authorities: await readTextFile(webhookCa) }),
    privateAddresses: webhookAddresses === 'any' || new URL(url).protocol === 'http:',
    milliseconds: webhookMilliseconds,
    clock,
  });
}

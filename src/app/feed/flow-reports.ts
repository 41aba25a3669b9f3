import { z } from 'zod';
import type { RememberedLabel } from '../../gateway/flow/flow-memory.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText, Fault } from '../../kernel/fault.ts';

/** Labels that one gateway tells of, the newest ones. */
const mostRows = 2_000;

const text = z.string().max(4_096);
const report = z
  .array(
    z.strictObject({
      family: text,
      person: text.nullable(),
      label: z.string().max(64),
      since: z.number(),
      at: z.number(),
      agent: text,
      server: text,
      method: text,
      target: text.nullable(),
      exchange: text,
    }),
  )
  .max(mostRows);

/** Reads what a gateway tells. Throws Fault `invalid_input`. */
export function readFlowReport({ flows }: JsonObject): readonly RememberedLabel[] {
  const parsed = report.safeParse(flows);
  if (parsed.success) return parsed.data;
  throw new Fault('invalid_input', 'The body needs flows, a list of what agents have used.');
}

/** A label as it is shown: which gateway remembers it. */
export interface ReportedLabel extends RememberedLabel {
  readonly gateway: string;
}

/** What gateways remember of agents. Nothing is decided by it, so it is kept in memory alone. */
export interface FlowReports {
  heard(gateway: string, rows: readonly RememberedLabel[]): void;
  all(): readonly ReportedLabel[];
}

/** A gateway that was not heard for so long is gone. */
const keptMilliseconds = 60_000;
const mostGateways = 1_000;

export function createFlowReports(clock: Clock): FlowReports {
  const reports = new Map<string, { readonly at: number; readonly rows: readonly RememberedLabel[] }>();
  return {
    heard(gateway, rows) {
      reports.delete(gateway);
      reports.set(gateway, { at: clock.now(), rows });
      const [oldest] = reports.keys();
      if (reports.size > mostGateways && oldest !== undefined) reports.delete(oldest);
    },
    all() {
      const since = clock.now() - keptMilliseconds;
      return [...reports]
        .filter(([, { at }]) => at >= since)
        .flatMap(([gateway, { rows }]) => rows.map((row) => ({ gateway, ...row })));
    },
  };
}

/** How often a gateway looks whether something changed, and tells what did not, in milliseconds. */
const lookMilliseconds = 1_000;
const repeatMilliseconds = 20_000;

/** Tells the registry what a gateway remembers: soon when that changes, and now and then. */
export function tellFlows(options: {
  readonly rows: () => Promise<readonly RememberedLabel[]>;
  readonly tell: (rows: readonly RememberedLabel[]) => Promise<void>;
  readonly clock: Clock;
  /** Told once of a failure that lasts. */
  readonly complain: (line: string) => void;
}): Disposable {
  const { tell, clock, complain } = options;
  let told = '[]';
  let toldAt = clock.monotonic();
  let busy = false;
  let failing = false;
  const look = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    try {
      const rows = (await options.rows()).toSorted((a, b) => b.at - a.at).slice(0, mostRows);
      const now = JSON.stringify(rows);
      if (now === told && (now === '[]' || clock.monotonic() - toldAt < repeatMilliseconds)) return;
      toldAt = clock.monotonic();
      await tell(rows);
      told = now;
      failing = false;
    } catch (error) {
      if (!failing) complain(`The registry was not told what agents have used: ${errorText(error)}`);
      failing = true;
    } finally {
      busy = false;
    }
  };
  const timer = setInterval(() => void look(), lookMilliseconds);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

import type { CallLog } from '../audit/log.ts';
import type { IdentityView } from '../identity/identity-view.ts';
import type { Clock } from '../kernel/clock.ts';
import type { JsonLimits } from '../kernel/parse-json.ts';
import type { PassportGate } from '../oauth/agent-passport/passport-gate.ts';
import type { TokenGate } from '../oauth/resource/token-gate.ts';
import type { PolicySet } from '../policy/compile-policies.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { AnswerGuard } from './answer-guard.ts';
import type { Permit } from './authorize.ts';
import type { CallApprovals } from './approval/call-approvals.ts';
import type { FederationPorts } from './federation/federation.ts';
import type { FlowGuard } from './flow/flow-guard.ts';
import type { LiveCalls } from './live-calls.ts';
import type { Limits } from './limits.ts';
import type { SessionSeal } from './session-seal.ts';
import type { SignedCalls } from './signed-calls.ts';
import type { ToolPins } from './pins/tool-pins.ts';
import type { StateSeal } from './state-seal.ts';
import type { Tracer } from '../telemetry/tracer.ts';
import type { TaskLedger } from './task-ledger.ts';
import type { ToolHeaders } from './tool-headers.ts';

/** What one request may cost. */
export interface RequestLimits {
  /** Largest request body, in octets. */
  readonly bodyBytes: number;
  /** Longest time a request body may take to arrive, in milliseconds. */
  readonly bodyMilliseconds: number;
  readonly json: JsonLimits;
}

/** Is told how long calls take. */
export interface CallMeter {
  /** A call was forwarded and its server begins to answer, or failed: `own` is before, `upstream` from then on, in milliseconds. */
  forwarded(permit: Permit, took: { readonly own: number; readonly upstream: number }): void;
}

/** Everything the data path needs, made once by the wiring. The getters give the newest value on every request. */
export interface GatewayPorts {
  readonly clock: Clock;
  readonly audit: CallLog;
  readonly view: IdentityView;
  readonly policies: () => PolicySet;
  readonly upstream: (server: string) => Upstream | null;
  /** How the gateway shows a server who it is, as records say it; null where it shows nothing of the kind. */
  readonly credentialOf: (server: string) => string | null;
  readonly seal: SessionSeal;
  /** Seals whatever else servers give out to come back with. */
  readonly handles: StateSeal;
  readonly tasks: TaskLedger;
  readonly limits: Limits;
  /** What tokens servers want besides certificates. */
  readonly tokens: TokenGate;
  readonly meter: CallMeter;
  /** Null where nothing is traced. */
  readonly tracer: Tracer | null;
  /** Cuts secrets out of every answer. */
  readonly guard: AnswerGuard;
  readonly requestLimits: RequestLimits;
  readonly live: LiveCalls;
  /** Whoever keeps the approvals of calls that policy asks about. */
  readonly approvals: CallApprovals;
  /** How long a call that waits to be approved is held, in milliseconds. */
  readonly approvalWait: number;
  readonly toolHeaders: ToolHeaders;
  readonly toolPins: ToolPins;
  readonly signedCalls: SignedCalls;
  /** What delegations servers want behind calls of their tools. */
  readonly passports: PassportGate;
  /** What agents have used before. */
  readonly flow: FlowGuard;
  /** Aborted when this gateway is about to end and takes no connection any more: streams without an end are ended. */
  readonly leaving: AbortSignal;
  /** Told of what the operator should know and no caller may: servers and names that are left out, causes of internal faults. */
  readonly log: (line: string) => void;
  /** What the endpoint of all servers needs besides. */
  readonly federation: FederationPorts;
  /** Waits until a serial is known to the view, at most the given milliseconds; a certificate is used at once. */
  readonly settle: (serial: string, milliseconds: number) => Promise<void>;
}

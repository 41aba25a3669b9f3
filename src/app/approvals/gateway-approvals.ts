import { createCallNews } from '../../gateway/approval/call-news.ts';
import type {
  Approval,
  AskedCall,
  CallApprovals,
  CallStanding,
} from '../../gateway/approval/call-approvals.ts';
import { isJsonObject } from '../../kernel/canonical-json.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import type { Redactor } from '../../secrets/redact.ts';
import type { FeedMessage } from '../feed/feed-message.ts';

/** How a gateway reaches the authority's queue of calls: in its own process, or over mutual TLS. */
export interface AuthorityApprovals {
  ask(call: AskedCall): Promise<CallStanding>;
  use(approval: Approval): Promise<boolean>;
  withdraw(approval: Approval): Promise<void>;
}

/** What a gateway asks for approvals with. */
export interface GatewayApprovals extends CallApprovals {
  /** Takes from a message of the feed what was decided. */
  hear(message: FeedMessage): void;
}

/** An authority that cannot be asked approves nothing, and what it is sent holds none of the secrets that we know. */
export function gatewayApprovals(authority: AuthorityApprovals | null, redactor: Redactor): GatewayApprovals {
  const news = createCallNews();
  const reach = async <Result>(act: (there: AuthorityApprovals) => Promise<Result>): Promise<Result> => {
    try {
      if (authority) return await act(authority);
    } catch (cause) {
      if (cause instanceof Fault && (cause.code === 'limit_reached' || cause.code === 'conflict'))
        throw cause;
      const detail = `No approval can be had now, so the call is refused: ${reasonOf(cause)}`;
      throw new Fault('unavailable', detail, { cause });
    }
    throw new Fault('unavailable', 'No approval can be had here: this gateway has no authority to ask.');
  };
  return {
    ask: (call) => reach((there) => there.ask(shown(call, redactor))),
    use: (approval) => reach((there) => there.use(approval)),
    withdraw: (approval) => reach((there) => there.withdraw(approval)),
    decided: (id, milliseconds, signal) => news.decided(id, milliseconds, signal),
    hear(message) {
      if (message.type === 'heartbeat' && message.decided) news.heard(message.decided);
    },
  };
}

function shown(call: AskedCall, redactor: Redactor): AskedCall {
  const params = redactor.redactJson(call.params);
  return { ...call, params: isJsonObject(params) ? params : {}, target: redactor.redact(call.target) };
}

/** Causes of other kinds than faults are for our own log. */
function reasonOf(cause: unknown): string {
  return cause instanceof Fault && cause.code !== 'internal'
    ? errorText(cause)
    : 'the authority was not reached.';
}

/** One exchange that is being answered now. */
export interface LiveCall {
  readonly agent: string;
  readonly spiffeId: string;
  readonly serial: string;
  readonly server: string;
  /** Why the call may go on no longer, or null while it still may. */
  readonly objection: () => string | null;
  /** Ends the call and its connection at once. */
  readonly cut: (reason: string) => void;
}

/** The exchanges in progress, so that a right taken away ends what was begun under it. */
export interface LiveCalls {
  enter(call: LiveCall): Disposable;
  /** Asks every live call again and cuts those that may not go on. Returns how many were cut. */
  review(): number;
  count(): number;
}

export function createLiveCalls(): LiveCalls {
  const calls = new Set<LiveCall>();
  return {
    enter: (call) => new Entered(calls, call),
    review() {
      let cut = 0;
      for (const call of calls) {
        const reason = call.objection();
        if (reason === null) continue;
        calls.delete(call);
        call.cut(reason);
        cut += 1;
      }
      return cut;
    },
    count: () => calls.size,
  };
}

class Entered implements Disposable {
  private readonly calls: Set<LiveCall>;
  private readonly call: LiveCall;

  constructor(calls: Set<LiveCall>, call: LiveCall) {
    this.calls = calls.add(call);
    this.call = call;
  }

  [Symbol.dispose](): void {
    this.calls.delete(this.call);
  }
}

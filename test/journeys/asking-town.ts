import { findOperation } from '../../src/app/admin/operations.ts';
import type { Json } from '../../src/kernel/canonical-json.ts';
import { openTown, type Town, until } from './deployment.ts';
import type { RawAnswer } from './raw-agent.ts';
import { openScriptedServer, type ScriptedServer, tool } from './scripted-server.ts';

/** A town with a bank whose payments are asked about. */
export interface AskingTown extends AsyncDisposable {
  readonly town: Town;
  readonly bank: ScriptedServer;
  /** How often the bank was asked to pay. */
  paid(): number;
  /** An order of an administrator. */
  order(name: string, input: object, admin?: string): Promise<Json>;
  /** The ids of the calls that wait. */
  waiting(): Promise<readonly string[]>;
}

export const askingPolicy = `
@id("all") permit (principal, action, resource);
@id("payments") @ask("money leaves the company")
forbid (principal, action == Action::"tools/call", resource == Tool::"bank/pay");
@id("closing") @ask("an account is closed") @approver("another")
forbid (principal, action == Action::"tools/call", resource == Tool::"bank/close");
`;

/** `settings`: members of the configuration's `gateway`; nothing is held unless told. */
export async function openAskingTown(settings: Record<string, number> = {}): Promise<AskingTown> {
  await using opened = new AsyncDisposableStack();
  const bank = opened.use(
    await openScriptedServer({
      'tools/list': {
        resultType: 'complete',
        tools: ['pay', 'close', 'balance'].map(tool),
        ttlMs: 0,
        cacheScope: 'private',
      },
      'tools/call': (params) => ({
        resultType: 'complete',
        content: [{ type: 'text', text: `${String(params['name'])} done` }],
      }),
    }),
  );
  const town = opened.use(await openTown({ approvalWaitMilliseconds: 0, ...settings }));
  await town.addHttpServer('bank', bank.url);
  await town.permit(askingPolicy);
  const order: AskingTown['order'] = (name, input, admin = 'operator') =>
    findOperation(name).run(town.deployment.authority, input, { name: admin, way: 'remote' });
  const held = opened.move();
  return {
    town,
    bank,
    paid: () =>
      bank.asked.filter(({ method, params }) => method === 'tools/call' && params['name'] === 'pay').length,
    order,
    async waiting() {
      const listed = (await order('call-approval.list', {})) as readonly {
        readonly id: string;
        readonly state: string;
      }[];
      return listed.filter(({ state }) => state === 'waiting').map(({ id }) => id);
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** The id of a request that was refused until somebody approves it. */
export function handleOf({ error }: RawAnswer): string {
  const data = error?.data as { readonly approval?: { readonly id?: string } } | undefined;
  return data?.approval?.id ?? '';
}

/** Waits until that many calls wait. */
export async function untilWaiting(town: AskingTown, count: number): Promise<readonly string[]> {
  let ids: readonly string[] = [];
  await until(
    () => ids.length === count,
    async () => {
      ids = await town.waiting();
    },
  );
  return ids;
}

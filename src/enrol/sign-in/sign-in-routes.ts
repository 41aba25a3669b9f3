import type { Exchange } from '../../http/exchange.ts';
import { answerProblem } from '../../http/problem.ts';
import { toFault } from '../../kernel/fault.ts';
import { readCookie } from '../../oauth/people/browser-sessions.ts';
import { answerFaultPage, sendOn } from '../../oauth/people/page.ts';
import { ownPath } from '../../oauth/people/people-pages.ts';
import { relyingParty } from '../../oauth/people/relying-party.ts';
import { beginUpstream, finishUpstream, type SignInDoor, takeLogout } from './sign-in-door.ts';

const cookieName = '__Host-countersign-upstream';
const attributes = 'Path=/; Secure; HttpOnly; SameSite=Lax';
const callback = '/upstream/callback';
const formLimit = { bytes: 64 * 1024, milliseconds: 10_000 };

/** Answers what belongs to signing in at a provider; false for anything else. */
export async function answerUpstream(exchange: Exchange, door: SignInDoor): Promise<boolean> {
  const { method, path } = exchange;
  switch (`${method} ${path}`) {
    case 'GET /upstream/begin':
      await page(exchange, () => begin(exchange, door));
      return true;
    case `GET ${callback}`:
      await page(exchange, () => finish(exchange, door));
      return true;
    case 'POST /upstream/logout':
      await logOut(exchange, door);
      return true;
    default:
      return false;
  }
}

async function page(exchange: Exchange, answer: () => Promise<void>): Promise<void> {
  try {
    await answer();
  } catch (error) {
    const fault = toFault(error);
    await answerFaultPage(exchange, fault);
    if (fault.code === 'internal') throw fault;
  }
}

/** Whoever leads a browser here makes its person sign in as themselves: nothing is gained by it, so a link may. */
async function begin(exchange: Exchange, door: SignInDoor): Promise<void> {
  const { query } = exchange;
  const { url, kept } = await beginUpstream(
    {
      provider: query.get('provider') ?? '',
      onward: ownPath(query.get('onward')),
      again: query.get('again') === 'yes',
      redirectUri: relyingParty(exchange).origin + callback,
    },
    door,
  );
  await sendOn(exchange, url, `${cookieName}=${kept}; Max-Age=900; ${attributes}`);
}

async function finish(exchange: Exchange, door: SignInDoor): Promise<void> {
  const { cookie, onward } = await finishUpstream(
    {
      query: exchange.query,
      kept: readCookie(exchange.headers, cookieName),
      redirectUri: relyingParty(exchange).origin + callback,
      address: exchange.connection.address,
    },
    door,
  );
  await sendOn(exchange, onward, [cookie, `${cookieName}=; Max-Age=0; ${attributes}`]);
}

/** OpenID Connect Back-Channel Logout 1.0 §2.5, §2.8: the provider itself asks, with no browser and no cookie. */
async function logOut(exchange: Exchange, door: SignInDoor): Promise<void> {
  try {
    const form = new URLSearchParams(Buffer.from(await exchange.body(formLimit)).toString());
    await takeLogout(form.get('logout_token') ?? '', exchange.connection.address, door);
    await exchange.respond(200, { 'cache-control': 'no-store' });
  } catch (error) {
    const fault = toFault(error);
    if (fault.code !== 'login_refused') return await answerProblem(exchange, fault);
    const body = { error: 'invalid_request', error_description: fault.message };
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
    await exchange.respond(400, headers, JSON.stringify(body));
  }
}

import type { Exchange } from '../../http/exchange.ts';
import { html } from '../../http/html.ts';
import { answerPage } from './page.ts';
import { browserOf, newBrowser } from './people-door.ts';

/** The page at which somebody proves who they are; `onward` is a path of ours. */
export async function signInPage(
  exchange: Exchange,
  onward: string,
  { places, again = false }: { readonly places: readonly string[]; readonly again?: boolean },
): Promise<void> {
  if (places.length > 0) return await placesPage(exchange, onward, { places, again });
  const body = html`<h1>Sign in</h1>
<p>With the passkey of this device, of your phone, or of a security key.</p>
<form data-act="sign-in" data-onward="${onward}">
<p><button class="main" type="submit" disabled autofocus>Sign in with a passkey</button></p>
<p role="status" aria-live="polite"></p>
</form>
<noscript><p role="alert">Passkeys need JavaScript, which this browser does not run.</p></noscript>
<p class="quiet">You have none yet? An administrator gives you a link to enrol one.</p>`;
  await answerPage(exchange, { title: 'Sign in', body, cookie: browserCookie(exchange) });
}

/** The Set-Cookie that tells this browser from others from now on; null when it has one. */
export function browserCookie(exchange: Exchange): string | null {
  return browserOf(exchange) === null ? newBrowser().cookie : null;
}

/** Links and no form: the way leads to another origin, which a form may not (CSP Level 3 §6.3.1). */
async function placesPage(
  exchange: Exchange,
  onward: string,
  { places, again }: { readonly places: readonly string[]; readonly again: boolean },
): Promise<void> {
  const links = places.map((provider) => {
    const query = new URLSearchParams({ provider, onward, ...(again && { again: 'yes' }) }).toString();
    return html`<p><a class="main" href="/upstream/begin?${query}">Sign in at ${provider}</a></p>`;
  });
  const body = html`<h1>Sign in</h1>
<p>With the account of your organisation.</p>
${links}`;
  await answerPage(exchange, { title: 'Sign in', body });
}

import { type Html, html } from '../../http/html.ts';
import { routes } from './token-routes.ts';

/** The page at which a person types the code of a device; `xsrf` binds the form to the browser. */
export function deviceCodePage(parts: {
  readonly xsrf: string;
  readonly code: string;
  readonly problem: string | null;
}): Html {
  const { xsrf, code, problem } = parts;
  return html`<h1>Enter a code</h1>
<p>Type the code that a program shows you, on this or on another device. Only go on if you began this yourself.</p>
${problem === null ? [] : [html`<p role="alert">${problem}</p>`]}
<form method="post" action="${routes.code_verification}">
<input type="hidden" name="xsrf" value="${xsrf}">
<label for="user_code">Code</label>
<p><input id="user_code" name="user_code" value="${code}" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="20" autofocus></p>
<p><button class="main" type="submit">Go on</button></p>
</form>`;
}

/** The page at which a person compares the code (RFC 8628 §5.4): whoever sent them a link is not the program that they use. */
export function deviceConfirmPage(parts: {
  readonly xsrf: string;
  readonly code: string;
  readonly client: string;
}): Html {
  const { xsrf, code, client } = parts;
  return html`<h1>Is this the code?</h1>
<p>The program calls itself <strong>${client}</strong> and shows this code:</p>
<p><code class="code">${code}</code></p>
<p>If it shows another one, or you began nothing, somebody else did: do not go on.</p>
<form method="post" action="${routes.code_verification}">
<input type="hidden" name="xsrf" value="${xsrf}">
<input type="hidden" name="user_code" value="${code}">
<p><button class="main" type="submit" name="confirm" value="yes">It is the same</button>
<button type="submit" name="abort" value="yes">Stop</button></p>
</form>`;
}

/** The page at the end of the device flow. */
export function deviceDonePage(): Html {
  return html`<h1>Done</h1>
<p>You can close this page. The program goes on by itself.</p>`;
}

/** The page of an error that no client can be told of. */
export function oauthErrorPage(error: string, description: string): Html {
  return html`<h1>That did not work</h1>
<p role="alert">${description}</p>
<p class="quiet">Code: <code>${error}</code></p>`;
}

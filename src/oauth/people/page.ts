import type { Exchange } from '../../http/exchange.ts';
import { type Html, html } from '../../http/html.ts';
import { problemStatus } from '../../http/problem.ts';
import type { Fault } from '../../kernel/fault.ts';

/**
 * Content Security Policy Level 3: nothing but our own script and style, both files; in no frame; forms to us alone, except where a page says
 * to which place its answer leads (§6.3.1 holds redirects after a form to it as well).
 */
function policy(formTargets: readonly string[]): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    `form-action 'self'${formTargets.map((target) => ` ${target}`).join('')}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ');
}

/** Of everything at the listener for people. */
const strict = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  // Not no-referrer: browsers then send `Origin: null` with forms, and we ask for ours (Fetch §3.2).
  'referrer-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'publickey-credentials-get=(self), publickey-credentials-create=(self)',
  'cache-control': 'no-store',
};

/** What a page is made of. */
export interface Page {
  readonly title: string;
  readonly body: Html;
  readonly status?: number;
  /** Set-Cookie. */
  readonly cookie?: string | readonly string[] | null;
  /** Where a redirect after a form of the page may lead, as CSP sources. */
  readonly formTargets?: readonly string[];
}

/** Answers with a page. */
export async function answerPage(exchange: Exchange, page: Page): Promise<void> {
  await exchange.respond(
    page.status ?? 200,
    {
      ...strict,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy(page.formTargets ?? []),
      ...(page.cookie && { 'set-cookie': page.cookie }),
    },
    whole(page).text,
  );
}

/** Answers with a page that says what went wrong. */
export async function answerFaultPage(exchange: Exchange, fault: Fault): Promise<void> {
  const body = html`<h1>That did not work</h1>
<p role="alert">${fault.message}</p>
<p class="quiet">Code: <code>${fault.code}</code></p>`;
  await answerPage(exchange, { title: 'That did not work', body, status: problemStatus[fault.code] });
}

/** Sends the browser on (RFC 9110 §15.4.4). */
export async function sendOn(exchange: Exchange, location: string, cookie?: Page['cookie']): Promise<void> {
  await exchange.respond(303, { ...strict, location, ...(cookie && { 'set-cookie': cookie }) });
}

/** A file that pages need. */
export async function answerAsset(exchange: Exchange, type: string, text: string): Promise<void> {
  await exchange.respond(200, { ...strict, 'content-type': `${type}; charset=utf-8` }, text);
}

/** JSON for the script of a page. */
export async function answerData(exchange: Exchange, value: object, cookie?: string | null): Promise<void> {
  await exchange.respond(
    200,
    { ...strict, 'content-type': 'application/json', ...(cookie && { 'set-cookie': cookie }) },
    JSON.stringify(value),
  );
}

function whole({ title, body }: Page): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Countersign</title>
<link rel="stylesheet" href="/people.css">
<script src="/people.js" defer></script>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;
}

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findOperation } from '../../src/app/admin/operations.ts';
import type { Json } from '../../src/kernel/canonical-json.ts';
import { type Town, until } from './deployment.ts';
import { openPasskeyBrowser, type PasskeyBrowser } from './people-town.ts';

/** From here on a server of a town wants tokens. */
export async function wantTokens(town: Town, server: string): Promise<void> {
  const before = town.gateway.view.tokenRules();
  await writeFile(join(town.data.policies, 'tokens.yaml'), `servers:\n  ${server}: {}\n`);
  await until(() => town.gateway.view.tokenRules() !== before);
}

/** A new person of a town with a browser that holds their passkey, signed in. */
export async function personWithPasskey(town: Town, person: string): Promise<PasskeyBrowser> {
  const act = (name: string, input: Json): Promise<Json> =>
    findOperation(name).run(town.deployment.authority, input, { name: 'root', way: 'local' });
  await act('person.add', { person });
  const browser = openPasskeyBrowser(town);
  const { link } = (await act('person.invite', { person })) as { link: string };
  const enrolled = await browser.enrol(link);
  if (!enrolled.ok) throw new Error(`no passkey: ${await enrolled.text()}`);
  return browser;
}

/** What somebody who is signed in does with the page of a client; where their browser is sent back to. */
export async function sayYes(browser: PasskeyBrowser, url: string): Promise<URL> {
  const next = (response: { headers: { get(name: string): string | null } }): URL =>
    new URL(response.headers.get('location') ?? '', browser.origin);
  const { pathname, search } = new URL(url);
  const place = next(await browser.ask(pathname + search)).pathname;
  const page = await (await browser.ask(place)).text();
  const key = /name="key" value="([\w-]{43})"/.exec(page)?.[1] ?? '';
  const allowed = await browser.ask(place, {
    method: 'POST',
    headers: { origin: browser.origin, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ decision: 'allow', key }).toString(),
  });
  return next(await browser.ask(next(allowed).pathname));
}

/** What somebody who is signed in does with a code that a device shows: types it, compares it, and says yes. */
export async function typeCode(
  browser: PasskeyBrowser,
  { url, code }: { readonly url: string; readonly code: string },
): Promise<void> {
  const send = (path: string, form: Readonly<Record<string, string>>) =>
    browser.ask(path, {
      method: 'POST',
      headers: { origin: browser.origin, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
    });
  const place = (answer: { headers: { get(name: string): string | null } }): string =>
    new URL(answer.headers.get('location') ?? '', browser.origin).pathname;
  const { pathname } = new URL(url);
  const asked = await (await browser.ask(pathname)).text();
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(asked)?.[1] ?? '';
  const compared = await (await send(pathname, { xsrf, user_code: code })).text();
  if (!compared.includes(code)) throw new Error(`the page does not show the code: ${compared}`);
  const consent = place(await send(pathname, { xsrf, user_code: code, confirm: 'yes' }));
  const page = await (await browser.ask(consent)).text();
  const key = /name="key" value="([\w-]{43})"/.exec(page)?.[1] ?? '';
  await browser.ask(place(await send(consent, { decision: 'allow', key })));
}

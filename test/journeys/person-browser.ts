import { Agent, fetch, type Response } from 'undici';

/** What is typed into pages, by a part of the name of the field. */
export type Typed = Readonly<Record<string, string>>;

/** A browser with cookies and no scripts. */
export interface PersonBrowser extends AsyncDisposable {
  /**
   * Opens a page and goes on, by redirects and by sending its form, until there is neither; the last page, or how the loopback
   * callback answered.
   */
  visit(
    url: string,
    typed: Typed,
  ): Promise<{ readonly url: string; readonly status: number; readonly text: string }>;
}

const mostSteps = 30;

/** `roots`: whom its servers are trusted by, in PEM. */
export function openBrowser(roots: string): PersonBrowser {
  const dispatcher = new Agent({ connect: { ca: roots } });
  const jar = new Map<string, Map<string, string>>();
  const cookiesFor = (url: URL): string =>
    [...(jar.get(url.host) ?? [])].map(([name, value]) => `${name}=${value}`).join('; ');

  const ask = async (url: URL, form: URLSearchParams | null): Promise<Response> => {
    const response = await fetch(url, {
      method: form ? 'POST' : 'GET',
      redirect: 'manual',
      headers: { cookie: cookiesFor(url), accept: 'text/html' },
      ...(form && { body: form }),
      dispatcher,
    });
    const cookies = jar.get(url.host) ?? new Map<string, string>();
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      const [name = '', ...value] = pair.split('=');
      if (/expires=Thu, 01 Jan 1970|max-age=0/i.test(line)) cookies.delete(name);
      else cookies.set(name, value.join('='));
    }
    jar.set(url.host, cookies);
    return response;
  };

  return {
    async visit(start, typed) {
      let url = new URL(start);
      let form: URLSearchParams | null = null;
      for (let step = 0; step < mostSteps; step++) {
        const response = await ask(url, form);
        const location = response.headers.get('location');
        form = null;
        if (location !== null) {
          url = new URL(location, url);
          await response.body?.cancel();
          continue;
        }
        const text = await response.text();
        const next = url.hostname === '127.0.0.1' ? null : formOf(text, typed);
        if (!next) return { url: url.href, status: response.status, text };
        url = new URL(next.action === '' ? url.href : next.action, url);
        form = next.fields;
      }
      throw new Error(`no end after ${mostSteps} pages, the last of them ${url.href}`);
    },
    [Symbol.asyncDispose]: () => dispatcher.destroy(),
  };
}

/** The first form of a page with its fields as a person would send them; null when there is none that is meant to be sent. */
function formOf(
  page: string,
  typed: Typed,
): { readonly action: string; readonly fields: URLSearchParams } | null {
  const [, attributes = '', inside = ''] = /<form\b([^>]*)>([\s\S]*?)<\/form>/i.exec(page) ?? [];
  if (attributes === '' || !/method="?post/i.test(attributes)) return null;
  const fields = new URLSearchParams();
  let pressed = false;
  for (const [tag] of inside.matchAll(/<(?:input|button)\b[^>]*>/gi)) {
    const name = attribute(tag, 'name');
    const type = attribute(tag, 'type') ?? (/^<button/i.test(tag) ? 'submit' : 'text');
    if (name === null || type === 'checkbox' || type === 'button') continue;
    // One button is pressed: the first.
    if (type === 'submit' && pressed) continue;
    pressed ||= type === 'submit';
    const known = Object.entries(typed).find(([part]) => name.includes(part));
    fields.append(name, known?.[1] ?? attribute(tag, 'value') ?? '');
  }
  return { action: decode(attribute(attributes, 'action') ?? ''), fields };
}

function attribute(tag: string, name: string): string | null {
  const [, quoted] = new RegExp(`\\b${name}="([^"]*)"`, 'i').exec(tag) ?? [];
  return quoted === undefined ? null : decode(quoted);
}

function decode(text: string): string {
  return text.replaceAll('&amp;', '&').replaceAll('&quot;', '"');
}

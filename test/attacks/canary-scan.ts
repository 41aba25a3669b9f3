import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** Every form in which a value that leaked would be told, by name: what a person who greps for it has to look for. */
export function formsOf(value: string): Readonly<Record<string, string>> {
  const octets = Buffer.from(value);
  const hex = octets.toString('hex');
  const units = Array.from(value, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
  const json = JSON.stringify(value).slice(1, -1);
  return {
    raw: value,
    JSON: json,
    'JSON in JSON': JSON.stringify(json).slice(1, -1),
    'JSON by units': units,
    'base64 at the first place': octets.toString('base64').slice(0, Math.floor((octets.length * 8) / 6)),
    'base64 at the second place': inner(Buffer.concat([Buffer.from('u'), octets]), 2),
    'base64 at the third place': inner(Buffer.concat([Buffer.from('u:'), octets]), 3),
    'base64url at the first place': octets
      .toString('base64url')
      .slice(0, Math.floor((octets.length * 8) / 6)),
    hexadecimal: hex,
    'hexadecimal in capitals': hex.toUpperCase(),
    percent: encodeURIComponent(value),
    'percent in small letters': encodeURIComponent(value).replace(/%../g, (one) => one.toLowerCase()),
    'percent throughout': hex.replace(/../g, '%$&'),
    'percent throughout in capitals': hex.toUpperCase().replace(/../g, '%$&'),
    HTML: value.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`),
    'HTML by names': value
      .replaceAll('&', '&amp;')
      .replaceAll('"', '&quot;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;'),
  };
}

/** The characters of base64 that octets alone decide, behind the given number that something before them has a part in. */
function inner(octets: Buffer, from: number): string {
  return octets.toString('base64').slice(from, Math.floor((octets.length * 8) / 6));
}

/** Where a canary was found. */
export interface Hit {
  readonly file: string;
  readonly canary: string;
  readonly form: string;
}

/** Looks for every form of every canary in every file below a folder. */
export async function scanFolder(
  folder: string,
  canaries: Readonly<Record<string, string>>,
): Promise<{ readonly files: readonly string[]; readonly octets: number; readonly hits: readonly Hit[] }> {
  const wanted = Object.entries(canaries).flatMap(([canary, value]) =>
    Object.entries(formsOf(value)).map(([form, text]) => ({ canary, form, text: Buffer.from(text) })),
  );
  const files: string[] = [];
  const hits: Hit[] = [];
  let octets = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const file = relative(folder, path);
    const content = await readFile(path);
    files.push(file);
    octets += content.length;
    for (const { canary, form, text } of wanted)
      if (content.includes(text)) hits.push({ file, canary, form });
  }
  return { files, octets, hits };
}

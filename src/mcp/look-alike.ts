import { confusables } from './confusables.ts';

/**
 * What a name looks like, to a person and to a client that keeps only letters, digits and underscores of it: two names
 * with one skeleton are look-alikes (after UTS #39 §4: with the confusables of Unicode, and the letters that fonts and models confuse most).
 */
export function skeletonOf(name: string): string {
  // Before the normal form too: some look like a letter and are taken apart by it.
  const plain = withoutTwins(withoutTwins(name).normalize('NFKD').replaceAll(/\p{M}/gu, ''));
  return withoutTwins(plain.toLowerCase())
    .replaceAll(/[^\p{L}\p{N}]/gu, '_')
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w');
}

/** Why a name cannot be told from others by its looks alone, or null. */
export function deceptionIn(name: string): string | null {
  if (name === '' || name.trim() !== name) return 'it is empty, or begins or ends with a space';
  if (/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u.test(name)) {
    return 'it holds a character that nobody can see';
  }
  if (ascii.test(name)) return null;
  if (name.normalize('NFKC') !== name) return 'it is not in the one normal form of its characters (NFKC)';
  if (ascii.test(withoutTwins(name))) return 'it looks like plain Latin letters and is not';
  const scripts = ['Latin', 'Greek', 'Cyrillic', 'Armenian', 'Cherokee'].filter((script) =>
    new RegExp(`\\p{Script=${script}}`, 'u').test(name),
  );
  return scripts.length > 1 ? `it mixes ${scripts.join(' and ')} letters` : null;
}

function withoutTwins(name: string): string {
  let plain = '';
  for (const letter of name) plain += twins.get(letter) ?? letter;
  return plain;
}

const ascii = /^[\x20-\x7e]*$/;

/** Letters, each followed by those that are drawn like it; digits and capitals that pass for a small letter as well. */
const drawnAlike: readonly string[] = [
  'aаɑαａ',
  'AАΑᎪ',
  'BВΒᏴв',
  'bЬƄᏏ',
  'cсϲᴄⅽ',
  'CСϹᏟⅭ',
  'dԁɗᏧⅾ',
  'eеҽ℮',
  'EЕΕᎬ',
  'FϜ',
  'gɡցᶃ',
  'GԌᏀ',
  'hһհᏂ',
  'HНΗᎻн',
  'iіıɩɪιᎥ',
  'jјϳյ',
  'JЈᎫ',
  'kκкᴋ',
  'KКΚᏦ',
  'lI1|ⅼǀӏӀІΙᏆ',
  'LᏞⅬ',
  'mⅿм',
  'MМΜᎷⅯ',
  'nոп',
  'NΝ',
  'o0оοօσᴏ',
  'OОΟՕ',
  'pрρ',
  'PРΡᏢ',
  'qԛգ',
  'rгᴦᴨ',
  'sѕꜱ',
  'SЅՏᏚ',
  'TТΤᎢ',
  'tтτ',
  'uυսᴜ',
  'UՍ',
  'vνѵᴠⅴ',
  'VѴᏙⅤ',
  'wԝшωᴡ',
  'WԜᎳ',
  'xхⅹχ',
  'XХΧⅩ',
  'yуγүʏ',
  'YҮΥ',
  'zᴢ',
  'ZΖᏃ',
];

const twins: ReadonlyMap<string, string> = new Map([
  ...confusables.flatMap(([plain, taken]) => taken.map((other): [string, string] => [other, plain])),
  ...drawnAlike.flatMap((row) => {
    const [first = '', ...others] = row;
    return others.map((other): [string, string] => [other, first]);
  }),
]);

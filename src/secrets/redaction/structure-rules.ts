import { bitsPerCharacter } from './entropy.ts';
import type { Span } from './find-known.ts';

/** One way of telling a secret. */
export interface Rule {
  readonly id: string;
  /** Lower-case words without one of which it never applies. */
  readonly words: readonly string[];
  /** Whether it is tried at every one of its words, or finds everything in a stretch of text by itself. */
  readonly everyWord: boolean;
  /** Whether it needs a word with a digit, as nearly every token has. */
  readonly wantsToken?: boolean;
  /** Octets that it needs behind its word, where it is not the usual. */
  readonly behind?: number;
  /** The secrets in a text, of which one of the words ends at `wordEnd`. */
  find(text: string, wordEnd: number): readonly Span[];
}

/** Endings of names whose value is a secret, whatever stands before them. */
const secretNames = [
  'password',
  'passwd',
  'passphrase',
  'pwd',
  'secret',
  'token',
  'apikey',
  'api_key',
  'api-key',
  'accesskey',
  'access_key',
  'access-key',
  'privatekey',
  'private_key',
  'private-key',
  'secretkey',
  'secret_key',
  'secret-key',
  'authkey',
  'auth_key',
  'credential',
  'credentials',
];

/** Where secrets stand: headers, keys, addresses, members with a telling name. Every expression is linear: no repetition in a repetition. */
export const structureRules: readonly Rule[] = [
  {
    id: 'authorization',
    words: ['authorization', 'x-api-key', 'x-auth-token'],
    everyWord: true,
    find: behindWord(
      /(?:\\{0,4}["'])?\s{0,4}[:=]\s{0,4}(?:\\{0,4}["'])?(?:(?:basic|bearer|token|dpop|apikey|negotiate|aws4-hmac-sha256)\s{1,4})?([^\s"'\\,;<>]{6,8192})/iy,
      // Without a digit it is a word of a text or a program; Basic has a rule of its own.
      (value) => /\d/.test(value) && !isPlaceholder(value),
    ),
  },
  {
    id: 'bearer',
    words: ['bearer'],
    everyWord: true,
    find: behindWord(
      /\s{1,4}([A-Za-z0-9._~+/=-]{16,8192})/y,
      (value) => /\d/.test(value) && !isPlaceholder(value),
    ),
  },
  {
    id: 'basic',
    words: ['basic'],
    everyWord: true,
    find: behindWord(/\s{1,4}([A-Za-z0-9+/]{8,1024}={0,2})/y, (value) =>
      /^[\x20-\x7e]{1,256}:[\x20-\x7e]{1,512}$/.test(Buffer.from(value, 'base64').toString('latin1')),
    ),
  },
  {
    id: 'url-userinfo',
    words: ['://'],
    everyWord: true,
    find: behindWord(/[^\s/:@"'<>\\?#]{0,128}:([^\s/@"'<>\\?#]{3,256})@/y, (value) => !isPlaceholder(value)),
  },
  {
    id: 'private-key',
    words: ['-----begin'],
    everyWord: true,
    behind: 16 * 1024,
    find: findPrivateKey,
  },
  {
    id: 'jwt',
    words: ['eyj'],
    everyWord: true,
    behind: 256,
    find(text, wordEnd) {
      const token = /eyJ[\w-]{8,8192}\.[\w-]{8,16384}\.[\w-]{16,8192}(?:\.[\w-]{8,8192}){0,2}/y;
      token.lastIndex = wordEnd - 3;
      const found = token.exec(text);
      return found ? [{ start: found.index, end: found.index + found[0].length }] : [];
    },
  },
  {
    id: 'vault-token',
    words: ['s.'],
    everyWord: true,
    behind: 32,
    find(text, wordEnd) {
      // The form of before Vault 1.10. As a rule of gitleaks it would be tried at the end of every sentence.
      const token = /(?<!\w)s\.[A-Za-z0-9]{24}(?!\w)/y;
      token.lastIndex = wordEnd - 2;
      const found = token.exec(text);
      return found && /\d/.test(found[0]) ? [{ start: found.index, end: found.index + found[0].length }] : [];
    },
  },
  {
    id: 'secret-name',
    words: secretNames,
    everyWord: true,
    behind: 600,
    find: findNamed,
  },
];

function behindWord(expression: RegExp, isSecret: (value: string) => boolean): Rule['find'] {
  return (text, wordEnd) => {
    const sticky = new RegExp(expression);
    sticky.lastIndex = wordEnd;
    const found = sticky.exec(text);
    const value = found?.[1];
    if (!found || value === undefined || !isSecret(value)) return [];
    const start = found.index + found[0].lastIndexOf(value);
    return [{ start, end: start + value.length }];
  };
}

/** RFC 7468, and what is left of a key whose end was cut off. */
function findPrivateKey(text: string, wordEnd: number): readonly Span[] {
  const heading = /[ A-Z0-9]{0,40}PRIVATE KEY(?: BLOCK)?-----/y;
  heading.lastIndex = wordEnd;
  const begun = heading.exec(text);
  if (!begun) return [];
  const start = wordEnd - '-----begin'.length;
  const from = wordEnd + begun[0].length;
  const end = /-----END[ A-Z0-9]{0,60}-----/g;
  end.lastIndex = from;
  const ended = end.exec(text);
  if (ended) return [{ start, end: ended.index + ended[0].length }];
  const body = /(?:[A-Za-z0-9+/=:,. \t\r\n-]|\\[nr])*/y;
  body.lastIndex = from;
  return [{ start, end: from + (body.exec(text)?.[0].length ?? 0) }];
}

/** A name that ends in a telling word, and its value, in JSON, YAML, shells, forms, and code. */
function findNamed(text: string, wordEnd: number): readonly Span[] {
  const rest =
    /(?:s|\d{1,2}|[_-]?value|[_-]?string)?(?:\\{0,4}["'`])?\s{0,4}(?:=>|:=|[:=])\s{0,4}(?:\\{0,4}(["'`]))?/iy;
  rest.lastIndex = wordEnd;
  const joint = rest.exec(text);
  if (!joint) return [];
  const name = /[\w.-]{0,64}$/.exec(text.slice(Math.max(0, wordEnd - 64), wordEnd))?.[0] ?? '';
  if (isPublicName(name)) return [];
  const start = wordEnd + joint[0].length;
  // In quotes everything counts up to the quote; without, up to what ends a value anywhere.
  const value = joint[1] === undefined ? /[^\s"'`\\,;&<>(){}[\]|]{6,1024}/y : /[^"'`\\\r\n]{6,1024}/y;
  value.lastIndex = start;
  const found = value.exec(text)?.[0];
  if (found === undefined || isPlaceholder(found)) return [];
  // A call in a program: what it is called with is not told.
  if (joint[1] === undefined && text[start + found.length] === '(') return [];
  const isPassword = /pass|pwd/i.test(name);
  if (!isPassword && !isTokenLike(found, joint[1] !== undefined)) return [];
  if (isPassword && joint[1] === undefined && !/[\d\W_]/.test(found)) return [];
  return [{ start, end: start + found.length }];
}

/** Whether a value is written as a token is: drawn at random, most often with a digit. */
function isTokenLike(value: string, quoted: boolean): boolean {
  if (value.length < 8 || value.includes(' ')) return false;
  const bits = bitsPerCharacter(value);
  return /\d/.test(value)
    ? bits >= 2.8
    : quoted && value.length >= 20 && bits >= 3.5 && /^[\w+/=-]+$/.test(value);
}

/** Names that end alike and hold no secret: how many, where a list goes on, what kind. */
function isPublicName(name: string): boolean {
  return /(?:max|min|num|total|next|page|prev|sync|progress|continuation|public|of|per|input|output|completion|prompt|cached?)[_.-]?\w{0,8}?(?:token|key|secret|credential)s?$/i.test(
    name,
  );
}

/** What stands for a secret and is none. */
function isPlaceholder(value: string): boolean {
  return (
    /^(?:env|file|vault|awssm|k8s|ref|secret):/i.test(value) ||
    /^[<${%[({*]/.test(value) ||
    /^(.)\1{5,}$|^[x*.•_-]+$/i.test(value) ||
    /(?:example|placeholder|changeme|your[-_]|redacted|dummy|undefined|process\.env|getenv|\bnull\b|^true$|^false$|^string$|^required$)/i.test(
      value,
    )
  );
}

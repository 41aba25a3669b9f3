import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import type { ToolName } from './shadowing.ts';

/**
 * What looks wrong in a definition, in the words of the scanners there are: `E001` instructions to the model, `E002` it speaks
 * of tools of other servers, `E003` it wants to be used in place of others, `W001` words and forms that such texts often have,
 * `H001` characters that nobody can see.
 */
export type AdviceCode = 'E001' | 'E002' | 'E003' | 'W001' | 'H001';

/** One thing to look at before a tool is approved. It decides nothing. */
export interface Advice {
  readonly code: AdviceCode;
  /** The path of the text in the definition. */
  readonly where: string;
  /** The words that it is about. */
  readonly words: string;
}

/** Texts of a definition that are looked at, and how much of each. */
const mostTexts = 2_000;
const longestText = 20_000;
const mostAdvice = 50;

/** `others`: the tools of all servers, of which those of the same server are passed over. */
export function inspectTool(
  definition: JsonObject,
  server: string,
  others: readonly ToolName[],
): readonly Advice[] {
  const named = distinctive(server, others);
  const found: Advice[] = [];
  for (const { where, text } of textsOf(definition)) {
    const visible = text.normalize('NFKC').replaceAll(invisible, '');
    const hidden = hiddenIn(text);
    if (hidden !== null) found.push({ code: 'H001', where, words: hidden });
    for (const [code, pattern] of patterns) {
      const match = pattern.exec(visible);
      if (match) found.push({ code, where, words: match[0].slice(0, 120) });
    }
    const spoken = named.find((name) => speaksOf(visible, name));
    if (spoken !== undefined) found.push({ code: 'E002', where, words: spoken });
    if (found.length >= mostAdvice) break;
  }
  return found.slice(0, mostAdvice);
}

const invisible = /[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu;
/** What joins and colours emoji, and what joins letters of scripts that need it. */
const harmless = /\u{200c}|\u{200d}|\u{fe0e}|\u{fe0f}/gu;

function hiddenIn(text: string): string | null {
  const plain = text.replaceAll(harmless, '');
  const match = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Co}\p{Cn}]|(?![\t\n\r])\p{Cc}/u.exec(plain);
  if (match) return `U+${(match[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
  // Between letters of Latin nothing needs joining.
  return /[a-z](?:\u200c|\u200d)[a-z]/i.test(text) ? 'U+200D' : null;
}

const verbs =
  'read|send|pass|include|put|append|attach|forward|copy|upload|post|provide|return|collect|fetch|open|cat|leak|add|insert|embed|encode|transmit|supply';
const secrets =
  '~?/?\\.ssh|id_rsa|id_ed25519|\\.env\\b|\\.aws|\\.netrc|\\.npmrc|\\.kube|/etc/passwd|/etc/shadow|mcp\\.json|private keys?|api[ _-]?keys?|access tokens?|passwords?|credentials?|secrets?|environment variables|system prompt|conversation|chat history|session cookies?|ssh keys?';
const people =
  '(?:the |your |any |an? )?(?:end[ -]?)?(?:user|human|person|operator|customer|anyone|anybody|them)';

/** Each is searched in the text once, in time linear in its length: what may repeat is bounded. */
const patterns: readonly (readonly [AdviceCode, RegExp])[] = [
  [
    'E001',
    /<\s{0,4}\/?\s{0,4}(?:important|system|instructions?|secret|hidden|admin|assistant|critical|override|cmd|directive|prompt)\b[^<>]{0,80}>/i,
  ],
  ['E001', /\[\s{0,2}(?:system|inst|\/inst|admin|hidden|assistant)\b[^[\]]{0,60}\]/i],
  [
    'E001',
    /\b(?:ignore|disregard|forget|override|bypass)\b[^.\n]{0,40}\b(?:previous|prior|earlier|above|preceding|all|any|other|safety|system)\b[^.\n]{0,40}\b(?:instructions?|prompts?|rules?|guidelines?|directions?|polic(?:y|ies)|messages?|context|restrictions?)\b/i,
  ],
  [
    'E001',
    new RegExp(
      `\\b(?:do not|don't|never|must not|should not|without|avoid|rather than|no need to)\\b[^.\\n]{0,30}\\b(?:tell|telling|mention|mentioning|inform|informing|reveal|revealing|show|showing|notify|notifying|alert|alerting|disclose|disclosing|ask|asking|warn|warning|explain|explaining|report|reporting)\\b[^.\\n]{0,40}\\b${people}\\b`,
      'i',
    ),
  ],
  [
    'E001',
    new RegExp(
      `\\b(?:hide|conceal|keep)\\b[^.\\n]{0,40}\\b(?:from ${people}|secret|hidden|confidential|to yourself)\\b`,
      'i',
    ),
  ],
  [
    'E001',
    new RegExp(
      `\\b(?:before|after|when|whenever|each time|every time|prior to|in order to|to use)\\b[^.\\n]{0,60}\\b(?:tool|call(?:ing)?|us(?:e|ing)|invok(?:e|ing)|answer(?:ing)?)\\b[^\\n]{0,80}\\b(?:${verbs})\\b[^.\\n]{0,60}(?:${secrets})`,
      'i',
    ),
  ],
  [
    'E001',
    new RegExp(
      `\\b(?:${verbs})\\b[^\\n]{0,60}(?:${secrets})[^\\n]{0,80}\\b(?:as|in|into|to|via|through)\\b[^\\n]{0,40}\\b(?:parameter|argument|field|sidenote|note|context|https?:|attacker|bcc|url|endpoint|webhook|server|address|this tool|the call|comment|query)`,
      'i',
    ),
  ],
  [
    'E001',
    /\b(?:the (?:ai|model|assistant|llm|agent)|you)\b[^.\n]{0,20}\b(?:must|should|have to|need to|shall|are required to|will)\b[^.\n]{0,30}\b(?:first|always|also|silently|secretly|quietly|immediately)\b[^.\n]{0,60}\b(?:call|read|send|execute|run|forward|invoke|include|upload|copy|use)\b/i,
  ],
  [
    'E001',
    /\b(?:silently|secretly|quietly|covertly|in the background)\b[^.\n]{0,40}\b(?:call|read|send|execute|run|forward|invoke|include|upload|copy|post|add|change|replace|collect)\b/i,
  ],
  [
    'E001',
    /\b(?:you are now|act as|pretend to be|from now on,? you|new instructions?:|system prompt:|developer mode)\b/i,
  ],
  [
    'E002',
    /\b(?:when|whenever|if|before|after|each time|every time|once)\b[^.\n]{0,40}\b(?:another|other|different|any other|all other|the)\b[^.\n]{0,30}\b(?:tools?|servers?)\b[^.\n]{0,80}\b(?:must|should|always|change|replace|redirect|instead|bcc|recipient|add|set|use)\b/i,
  ],
  ['E002', /\bmcp__[a-z0-9_-]{2,60}__[a-z0-9_-]{2,60}/i],
  [
    'E002',
    /\b(?:side effects?|affects?|modif(?:y|ies)|changes?|overrides?) (?:on|the (?:behaviou?r|rules|output|recipient) of) (?:the |all |any )?(?:other |another )?[a-z_]{3,40} (?:tools?|server)\b/i,
  ],
  [
    'E003',
    /\b(?:always|must|only|should)\b[^.\n]{0,20}\b(?:use|call|prefer|choose|select|pick|invoke)\b[^.\n]{0,20}\bthis\b[^.\n]{0,30}\b(?:instead|over|rather|first|before|in place|exclusively|for (?:all|any|every))\b/i,
  ],
  [
    'E003',
    /\b(?:instead of|in place of|rather than|over|before) (?:any |all |the |every )?(?:other|others|another|built-?in|native|alternative|similar|competing)\b[^.\n]{0,30}\b(?:tools?|functions?|servers?|search|methods?|ones?)\b/i,
  ],
  [
    'E003',
    /\b(?:never|do not|don't) (?:ever )?(?:use|call|choose|select|trust|invoke) (?:any |the )?(?:other|another|different|alternative|similar|competing|remaining)\b/i,
  ],
  [
    'E003',
    /\b(?:takes? (?:absolute |full )?(?:precedence|priority)|highest[ -]priority|(?:replaces?|supersedes?|deprecates?) (?:all|any|every|the) (?:other|previous|existing)|are (?:all )?(?:deprecated|unsafe|broken|unreliable|compromised|insecure))\b/i,
  ],
  [
    'E003',
    /\b(?:best|only (?:trusted|safe|reliable|official|correct)|most (?:trusted|reliable|accurate)) (?:and [a-z]{2,20} )?(?:tool|server|choice|way)\b/i,
  ],
  ['W001', /\b(?:IMPORTANT|CRITICAL|MANDATORY|URGENT|ATTENTION|SYSTEM NOTE)\b/],
  ['W001', /<!--|!\[[^\]]{0,80}\]\(|\bdata:[a-z]{2,20}\/[a-z0-9.+-]{2,40}[;,]|javascript:/i],
  ['W001', /[A-Za-z0-9+/]{120,}={0,2}/],
  ['W001', /https?:\/\/[^\s"']{0,200}[?&][^\s"'=]{1,40}=(?:\{|<|\$|%7b)/i],
];

/** Names of tools of other servers that are hardly words of everyday language. */
function distinctive(server: string, others: readonly ToolName[]): readonly string[] {
  const names = others.flatMap((other) =>
    other.server === server ? [] : [other.tool, `${other.server}__${other.tool}`],
  );
  return [...new Set(names)]
    .filter((name) => name.length >= 6 && /[_-]|[a-z][A-Z]/.test(name))
    .slice(0, 5_000);
}

function speaksOf(text: string, name: string): boolean {
  let at = text.indexOf(name);
  while (at >= 0) {
    const around = `${text[at - 1] ?? ' '}${text[at + name.length] ?? ' '}`;
    if (!/[\p{L}\p{N}_]/u.test(around)) return true;
    at = text.indexOf(name, at + 1);
  }
  return false;
}

/** Every text of a definition with its path, names of members among them; the name of the tool is looked at elsewhere. */
function textsOf(definition: JsonObject): readonly { readonly where: string; readonly text: string }[] {
  const texts: { where: string; text: string }[] = [];
  const take = (where: string, text: string): void => {
    if (texts.length < mostTexts) texts.push({ where, text: text.slice(0, longestText) });
  };
  const walk = (where: string, value: Json): void => {
    if (typeof value === 'string') take(where, value);
    else if (isJsonArray(value)) {
      for (const [at, item] of value.entries()) walk(`${where}[${at}]`, item);
    } else if (isJsonObject(value)) {
      for (const [name, member] of Object.entries(value)) {
        const path = where === '' ? name : `${where}.${name}`;
        // A name of a member reads like words to a model, underscores or not.
        if (name.length > 20) take(path, name.replaceAll('_', ' '));
        if (path !== 'name') walk(path, member);
      }
    }
  };
  walk('', definition);
  return texts;
}

/** Text that is HTML already. Made by `html` alone, so that nothing else gets into a page unescaped. */
export class Html {
  readonly text: string;
  private constructor(text: string) {
    this.text = text;
  }
  static ofTemplate(pieces: TemplateStringsArray, values: readonly Part[]): Html {
    return new Html(
      pieces.map((piece, at) => (at === 0 ? piece : shown(values[at - 1] ?? '') + piece)).join(''),
    );
  }
}

type Part = string | number | Html | readonly Html[];

/** A piece of a page. Values are text, and escaped, unless they are pieces themselves. Attributes have to stand in quotes. */
export function html(pieces: TemplateStringsArray, ...values: readonly Part[]): Html {
  return Html.ofTemplate(pieces, values);
}

function shown(value: Part): string {
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(({ text }) => text).join('');
  return escapeHtml(String(value));
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`=]/g, (character) => `&#${character.charCodeAt(0)};`);
}

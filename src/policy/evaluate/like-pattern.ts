import type { PatternElem } from '@cedar-policy/cedar-wasm/nodejs';

/** The matcher of a `like` pattern. Texts are Unicode, so comparing UTF-16 units compares code points. */
export function likePattern(elements: readonly PatternElem[]): (text: string) => boolean {
  const pieces = [''];
  for (const element of elements) {
    if (element === 'Wildcard') pieces.push('');
    else pieces.push(`${pieces.pop() ?? ''}${element.Literal}`);
  }
  const [head = '', ...others] = pieces;
  const tail = others.pop();
  if (tail === undefined) return (text) => text === head;
  const least = head.length + tail.length;
  return (text) => {
    if (text.length < least || !text.startsWith(head) || !text.endsWith(tail)) return false;
    const end = text.length - tail.length;
    let at = head.length;
    // The earliest place for each piece leaves the most room for those after it.
    for (const piece of others) {
      const found = text.indexOf(piece, at);
      if (found < 0 || found + piece.length > end) return false;
      at = found + piece.length;
    }
    return at <= end;
  };
}

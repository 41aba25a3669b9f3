/** One message as a reader took it; text is one character per octet. */
export interface MessageRead {
  /** Method and target of a request, or the status of a response. */
  readonly start: string;
  /** Every field as a line, in the order of first appearance; values of one name are joined as RFC 9110 §5.3 says. */
  readonly fields: string;
  readonly body: string;
  /** Whether its last octet was read. */
  readonly complete: boolean;
}

export function fieldText(entries: Iterable<readonly [string, string]>): string {
  let text = '';
  for (const [name, value] of entries) text += `${name}: ${value}\n`;
  return text;
}

/** How a request begins. The query is compared as its handler gets it. */
export function requestStart(method: string, path: string, query: URLSearchParams): string {
  return query.size === 0 ? `${method} ${path}` : `${method} ${path} ${query.toString()}`;
}

import { readFieldLines, refuseControls } from './field-lines.ts';
import { NotHttp } from './not-http.ts';

/** A response up to its empty line, as it was written. */
export interface ResponseHead {
  readonly version: '1.0' | '1.1';
  readonly status: number;
  /** (name, value, name, value …) */
  readonly fields: readonly string[];
}

// RFC 9112 §4: the reason may be empty; some servers leave out the space before it as well.
const statusLine = /^HTTP\/(1\.[01]) ([1-5]\d\d)(?: .*)?$/;

/** Reads the text of a head, its empty line included. Throws NotHttp. */
export function parseResponseHead(head: string): ResponseHead {
  refuseControls(head, 'response');
  const end = head.indexOf('\r\n');
  const [, version, status] = statusLine.exec(head.slice(0, end)) ?? [];
  if (version === undefined) throw new NotHttp('the first line is not the status of an HTTP/1 response');
  return {
    version: version === '1.0' ? '1.0' : '1.1',
    status: Number(status),
    fields: readFieldLines(head, end + 2),
  };
}

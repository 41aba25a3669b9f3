/** Octets that are not the HTTP/1.1 we speak. Nothing after them on the connection can be taken for a message. */
export class NotHttp extends Error {
  /** What a server answers: 400, 408 (not complete in time), 431 (head too large), 505 (another version). */
  readonly status: 400 | 408 | 431 | 505;

  constructor(reason: string, status: NotHttp['status'] = 400) {
    super(reason);
    this.name = 'NotHttp';
    this.status = status;
  }
}

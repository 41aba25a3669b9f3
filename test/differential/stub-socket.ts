import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';

/** As much of a socket as our reader and writer use, with no operating system behind it. */
export class StubSocket extends EventEmitter {
  destroyed = false;
  ended = false;
  writableNeedDrain = false;
  readonly writableLength = 0;
  readonly remoteAddress = '127.0.0.1';
  written = '';
  private paused = false;

  get writable(): boolean {
    return !this.ended && !this.destroyed;
  }

  get asSocket(): Socket {
    return this as unknown as Socket;
  }

  write(octets: Uint8Array | string): boolean {
    this.written += typeof octets === 'string' ? octets : Buffer.from(octets).toString('latin1');
    return true;
  }

  end(): void {
    this.ended = true;
  }

  destroySoon(): void {
    this.ended = true;
    this.destroy();
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('close');
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  isPaused(): boolean {
    return this.paused;
  }

  cork(): void {}

  uncork(): void {}
}

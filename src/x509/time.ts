import { text, tags } from './der.ts';
import { type DerElement, malformed } from './der-reader.ts';

/** A time as RFC 5280 §4.1.2.5 writes it: UTCTime through 2049, GeneralizedTime from 2050; whole seconds, Z. */
export function writeTime(milliseconds: number): Uint8Array {
  const date = new Date(milliseconds);
  const digits = date.toISOString().replace(/[-:T]/g, '').slice(0, 14);
  return date.getUTCFullYear() < 2050
    ? text(tags.utcTime, `${digits.slice(2)}Z`)
    : text(tags.generalizedTime, `${digits}Z`);
}

/** A GeneralizedTime in whole seconds, as OCSP has it for every year (RFC 6960 §4.2.2.1). */
export function writeGeneralizedTime(milliseconds: number): Uint8Array {
  const digits = new Date(milliseconds).toISOString().replace(/[-:T]/g, '').slice(0, 14);
  return text(tags.generalizedTime, `${digits}Z`);
}

/** Epoch milliseconds of a GeneralizedTime in whole seconds, of any year. */
export function readGeneralizedTime(element: DerElement): number {
  if (element.tag !== tags.generalizedTime) throw malformed('a GeneralizedTime is expected');
  return timeOf(Buffer.from(element.content).toString('latin1'));
}

/** Epoch milliseconds of a UTCTime or GeneralizedTime in the one form that RFC 5280 allows. */
export function readTime(element: DerElement): number {
  const written = Buffer.from(element.content).toString('latin1');
  return timeOf(fullDigits(element.tag, written));
}

function timeOf(full: string | null): number {
  const match = full === null ? null : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full);
  if (!match) throw malformed('a time that RFC 5280 does not allow');
  const [, year, month, day, hour, minute, second] = match;
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const time = Date.parse(iso);
  if (Number.isNaN(time) || new Date(time).toISOString() !== iso)
    throw malformed('a time that does not exist');
  return time;
}

function fullDigits(tag: number, written: string): string | null {
  switch (tag) {
    case tags.utcTime:
      // RFC 5280 §4.1.2.5.1: years 50–99 belong to 19xx.
      return /^\d{12}Z$/.test(written)
        ? `${Number(written.slice(0, 2)) >= 50 ? '19' : '20'}${written}`
        : null;
    case tags.generalizedTime:
      return Number(written.slice(0, 4)) >= 2050 ? written : null;
    default:
      return null;
  }
}

import type { KnownForms } from './known-forms.ts';
import { type Unescaped, unescapeOnce } from './unescape.ts';

/** A part of octets, its end excluded. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Found {
  /** In order, none over another, and never with half of an escape. */
  readonly spans: readonly Span[];
  /** No more can be said of what is from here on, until more comes. */
  readonly decided: number;
}

/** Layers of escapes that are read, such as JSON in JSON in a URL. */
const layers = 4;

/**
 * Finds known forms as they stand and under layers of escapes. What is found in the octets up to `decided` is the same
 * whatever comes after them. `final`: nothing does.
 */
export function findKnown(forms: KnownForms, octets: Uint8Array, final: boolean): Found {
  const views: Unescaped[] = [];
  const spans: Span[] = [];
  let decided = octets.length;
  let view = octets;
  for (let layer = 0; ; layer++) {
    forms.scan(view, (start, end) => spans.push({ start: down(views, start), end: downEnd(views, end) }));
    if (!final) decided = Math.min(decided, down(views, forms.undecidedFrom(view)));
    if (layer === layers) break;
    const next = unescapeOnce(view, final);
    if (!next) break;
    if (next.decided < view.length) decided = Math.min(decided, down(views, next.decided));
    views.push(next);
    view = next.octets;
  }
  if (spans.length === 0 && decided === octets.length) return { spans, decided };
  const merged = merge(spans.map((span) => whole(span, views[0])));
  return { spans: merged, decided: final ? octets.length : restart(decided, merged, views) };
}

/** Where an octet of the top view begins in the octets themselves. */
function down(views: readonly Unescaped[], position: number): number {
  return views.reduceRight((at, view) => view.startOf(at), position);
}

function downEnd(views: readonly Unescaped[], position: number): number {
  return views.reduceRight((at, view) => view.endOf(at), position);
}

/** A span that leaves no escape in halves. */
function whole({ start, end }: Span, view: Unescaped | undefined): Span {
  if (!view) return { start, end };
  return { start: view.floor(start), end: view.ceil(end) };
}

function merge(spans: readonly Span[]): readonly Span[] {
  const merged: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last && (span.start < last.end || span.start === last.start)) {
      merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, span.end) };
    } else merged.push(span);
  }
  return merged;
}

/** Where reading may begin again so that everything is found as it would have been: in no span, and in no escape of any layer. */
function restart(decided: number, spans: readonly Span[], views: readonly Unescaped[]): number {
  let at = decided;
  for (;;) {
    const place = outsideEscapes(outsideSpans(at, spans), views);
    if (place === at) return at;
    at = place;
  }
}

function outsideSpans(at: number, spans: readonly Span[]): number {
  return spans.find(({ start, end }) => start < at && at < end)?.start ?? at;
}

function outsideEscapes(at: number, views: readonly Unescaped[]): number {
  let place = at;
  for (const [layer, view] of views.entries()) {
    const floor = view.floor(place);
    if (floor < place) return down(views.slice(0, layer), floor);
    place = view.up(place);
  }
  return at;
}

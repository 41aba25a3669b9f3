import { skeletonOf } from '../../mcp/look-alike.ts';
import { exposedName, nameProblem, type RealName } from './exposed-names.ts';

export type NamedKind = 'tool' | 'prompt';

/** One page of a server's list, as the agent may see it. */
export interface NamePage {
  readonly server: string;
  readonly kind: NamedKind;
  /** The server's cursor of this page; null for the first. */
  readonly cursor: string | null;
  readonly names: readonly string[];
  /** Whether no page follows. */
  readonly last: boolean;
}

/** What an exposed name stands for; `refused` says why it may not be used. */
export interface NameEntry {
  readonly real: RealName;
  readonly refused: string | null;
}

/**
 * The names that one agent was or could be shown, and what each stands for. A name is looked up here and never taken
 * apart (trap: prefix delimiter also legal in names).
 */
export interface NameTable {
  /** Takes a page in, and tells for each of its names whether it may be shown. */
  take(page: NamePage): ReadonlyMap<string, NameEntry>;
  find(kind: NamedKind, exposed: string): NameEntry | null;
  /** Forgets what no server of these offers. */
  keep(servers: ReadonlySet<string>): void;
}

/** Names of one kind that are known of one server. */
const mostNames = 10_000;

interface Row {
  readonly real: RealName;
  readonly skeleton: string;
  readonly problem: string | null;
  /** The pages that hold it; more than one, or twice on one, and it stands for two things. */
  readonly pages: Set<string>;
  doubled: boolean;
  pass: number;
}

export function createNameTable(): NameTable {
  const shelves = new Map<string, Shelf>();
  const shelfOf = (kind: NamedKind, server: string): Shelf => {
    const key = `${kind} ${server}`;
    const shelf = shelves.get(key) ?? new Shelf();
    shelves.set(key, shelf);
    return shelf;
  };
  return {
    take: (page) => shelfOf(page.kind, page.server).take(page),
    find(kind, exposed) {
      for (const [key, shelf] of shelves) {
        const entry = key.startsWith(`${kind} `) ? shelf.find(exposed) : null;
        if (entry) return entry;
      }
      return null;
    },
    keep(servers) {
      for (const key of shelves.keys()) {
        if (!servers.has(key.slice(key.indexOf(' ') + 1))) shelves.delete(key);
      }
    },
  };
}

/**
 * The names of one kind of one server, by exposed name. A list is read page by page: names of an earlier reading stay
 * until the new one is complete.
 */
class Shelf {
  readonly #rows = new Map<string, Row>();
  readonly #alike = new Map<string, Set<string>>();
  #pass = 0;

  take({ server, cursor, names, last }: NamePage): ReadonlyMap<string, NameEntry> {
    if (cursor === null) this.#pass += 1;
    const page = cursor ?? '';
    const onPage = new Set<string>();
    for (const name of names) {
      const exposed = exposedName({ server, name });
      const row = this.#row(exposed, { server, name });
      if (!row) continue;
      if (row.pass !== this.#pass) {
        row.pass = this.#pass;
        row.pages.clear();
        row.doubled = false;
      }
      row.pages.add(page);
      row.doubled ||= onPage.has(exposed);
      onPage.add(exposed);
    }
    if (last) this.#forgetOlder();
    const told = new Map<string, NameEntry>();
    for (const name of names) {
      const real = { server, name };
      told.set(name, this.find(exposedName(real)) ?? { real, refused: 'its server offers too many' });
    }
    return told;
  }

  find(exposed: string): NameEntry | null {
    const row = this.#rows.get(exposed);
    return row ? { real: row.real, refused: this.#refusal(exposed, row) } : null;
  }

  #row(exposed: string, real: RealName): Row | null {
    const known = this.#rows.get(exposed);
    if (known) return known;
    if (this.#rows.size >= mostNames) return null;
    const skeleton = skeletonOf(real.name);
    const row = {
      real,
      skeleton,
      problem: nameProblem(real),
      pages: new Set<string>(),
      doubled: false,
      pass: 0,
    };
    this.#rows.set(exposed, row);
    // A name that deceives by itself is refused by itself: it takes no honest one along.
    if (row.problem === null) {
      this.#alike.set(skeleton, (this.#alike.get(skeleton) ?? new Set()).add(exposed));
    }
    return row;
  }

  #refusal(exposed: string, { problem, skeleton, pages, doubled }: Row): string | null {
    if (problem !== null) return problem;
    if (doubled || pages.size > 1) return 'its server offers two of that name';
    const others = [...(this.#alike.get(skeleton) ?? [])].filter((other) => other !== exposed);
    return others.length === 0 ? null : `it looks like ${others.map(visible).join(', ')}`;
  }

  #forgetOlder(): void {
    for (const [exposed, { pass, skeleton }] of this.#rows) {
      if (pass === this.#pass) continue;
      this.#rows.delete(exposed);
      const alike = this.#alike.get(skeleton);
      alike?.delete(exposed);
      if (alike?.size === 0) this.#alike.delete(skeleton);
    }
  }
}

/** A name with everything but plain ASCII spelt out, so that a reader sees what is there. */
export function visible(name: string): string {
  return JSON.stringify(name.slice(0, 80)).replaceAll(
    /[^\x20-\x7e]/gu,
    (letter) => `\\u{${(letter.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

import { type Heard, type Passage, textsOf } from './passage.ts';

/** A call as a task, or whoever can make the agent read something, wants it. */
export interface Wanted {
  readonly server: string;
  readonly tool: string;
  readonly arguments: Readonly<Record<string, string>>;
}

/** In arguments: what was heard last, and all that was ever heard. */
export const last = '{{last}}';
export const memory = '{{memory}}';

/** The words by which anybody makes the agent do something. */
export function order(wanted: Wanted): string {
  return `[[do ${JSON.stringify(wanted)}]]`;
}

/** How many orders of others it carries out for one task. */
const mostOrders = 12;
const longestMemory = 20_000;

/**
 * An agent that does its task and obeys every order that stands in anything it reads: definitions of tools, results,
 * errors. No model: what it does is what the gateway lets it do.
 */
export class ObedientAgent {
  private readonly passage: Passage;
  private readonly obeyed = new Set<string>();
  private heardLast = '';
  private all: string;

  constructor(passage: Passage) {
    this.passage = passage;
    this.all = passage.credentials.join('\n');
  }

  /** Everything that it could be made to tell. */
  get memory(): string {
    return this.all;
  }

  /** Reads the definitions of all tools. */
  async look(): Promise<void> {
    for (const { definition } of await this.passage.list()) await this.read(textsOf(definition).join('\n'));
  }

  /** Does one step of its task, and whatever the answer says. */
  async step({ server, tool, arguments: given }: Wanted): Promise<Heard> {
    const filled = Object.entries(given).map(([name, text]) => [name, this.fill(text)]);
    const heard = await this.passage.call(server, tool, Object.fromEntries(filled));
    this.heardLast = heard.text;
    await this.read(heard.text);
    return heard;
  }

  private async read(text: string): Promise<void> {
    this.all = `${this.all}\n${text}`.slice(-longestMemory);
    for (const [whole, json = ''] of text.matchAll(/\[\[do (\{.*?\}\})\]\]/gs)) {
      if (this.obeyed.has(whole) || this.obeyed.size >= mostOrders) continue;
      this.obeyed.add(whole);
      await this.step(JSON.parse(json) as Wanted);
    }
  }

  private fill(text: string): string {
    return text.replaceAll(last, () => this.heardLast).replaceAll(memory, () => this.all);
  }
}

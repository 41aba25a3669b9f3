import { errorText } from '../../kernel/fault.ts';
import type { ToolDefinition } from '../../mcp/tool-definition.ts';
import { reportLimit, type ToolReport } from '../tools/tool-report.ts';

/** Tells the registry which tools servers list. */
export interface ToolReports extends AsyncDisposable {
  /** `whole`: whether these are all tools of the server. What was told before is not told again. */
  listed(server: string, tools: readonly ToolDefinition[], whole: boolean): void;
  /** Another definition of the server counts, or none: everything that it lists is told anew. */
  forget(server: string): void;
}

const everyMilliseconds = 1_000;
/** Definitions that wait to be told; what comes beyond is told when it is listed again. */
const mostWaiting = 20_000;

/** What one gateway has to tell of one server. */
interface Waiting {
  readonly tools: Map<string, ToolDefinition>;
  whole: boolean;
}

/** `tell` is given what fits into one message; what could not be told is told with the next. */
export function createToolReports(options: {
  readonly tell: (reports: readonly ToolReport[]) => Promise<void>;
  /** Told once of a failure that lasts. */
  readonly complain: (line: string) => void;
  readonly every?: number;
}): ToolReports {
  const { tell, complain } = options;
  const told = new Map<string, Map<string, string>>();
  const wholes = new Set<string>();
  const waiting = new Map<string, Waiting>();
  let count = 0;
  let failing = false;
  let telling: Promise<void> = Promise.resolve();

  const take = (): readonly ToolReport[] => {
    const reports: ToolReport[] = [];
    let octets = 0;
    let definitions = 0;
    for (const [server, { tools, whole }] of waiting) {
      const texts: string[] = [];
      for (const [name, { text }] of tools) {
        const size = Buffer.byteLength(JSON.stringify(text)) + 1;
        const fits = octets + size <= reportLimit.bytes - 4_096 && definitions < reportLimit.definitions;
        if (!fits && definitions > 0) break;
        octets += size;
        definitions += 1;
        texts.push(text);
        tools.delete(name);
        count -= 1;
      }
      if (tools.size === 0) waiting.delete(server);
      if (texts.length > 0 || whole)
        reports.push({ server, definitions: texts, whole: whole && tools.size === 0 });
      if (tools.size > 0) break;
    }
    return reports;
  };
  const tellNow = async (): Promise<void> => {
    while (waiting.size > 0) {
      const reports = take();
      try {
        await tell(reports);
        failing = false;
      } catch (error) {
        // Servers list again; what was lost is told then.
        for (const { server } of reports) forgetTold(server);
        if (!failing) complain(`The registry was not told of tools: ${errorText(error)}`);
        failing = true;
        return;
      }
    }
  };
  const forgetTold = (server: string): void => {
    told.delete(server);
    wholes.delete(server);
  };
  const turn = (): Promise<void> => {
    telling = telling.then(tellNow);
    return telling;
  };
  const timer = setInterval(() => void turn(), options.every ?? everyMilliseconds);
  timer.unref();
  return {
    listed(server, tools, whole) {
      const known = told.get(server) ?? new Map<string, string>();
      told.set(server, known);
      const place = waiting.get(server) ?? { tools: new Map<string, ToolDefinition>(), whole: false };
      for (const tool of tools) {
        if (known.get(tool.name) === tool.hash || count >= mostWaiting) continue;
        known.set(tool.name, tool.hash);
        if (!place.tools.has(tool.name)) count += 1;
        place.tools.set(tool.name, tool);
      }
      if (whole && !wholes.has(server)) {
        wholes.add(server);
        place.whole = true;
      }
      if (place.tools.size > 0 || place.whole) waiting.set(server, place);
    },
    forget: forgetTold,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await turn();
    },
  };
}

import { Fault } from '../kernel/fault.ts';
import type { Exchange } from './exchange.ts';
import { answerProblem } from './problem.ts';

/** One row of a listener's table. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Segments after '/'; `:name` matches one segment and gives its decoded text, a last `*` the rest. */
  readonly path: string;
  handle(exchange: Exchange, parameters: Readonly<Record<string, string>>): Promise<void>;
}

/**
 * One handler for a table of routes, tried in order. Answers 404 for a path in no row and 405 with Allow
 * (RFC 9110 §15.5.6) for a known path with another method.
 */
export function createRoutes(table: readonly Route[]): (exchange: Exchange) => Promise<void> {
  const rows = table.map((route) => ({ route, pattern: route.path.split('/').slice(1) }));
  return async (exchange) => {
    const segments = exchange.path.split('/').slice(1);
    const allowed = new Set<string>();
    for (const { route, pattern } of rows) {
      const parameters = match(pattern, segments);
      if (!parameters) continue;
      if (route.method === exchange.method) return route.handle(exchange, parameters);
      allowed.add(route.method);
    }
    if (allowed.size === 0) {
      return answerProblem(exchange, new Fault('not_found', 'Nothing is served at this path.'));
    }
    const allow = [...allowed].sort().join(', ');
    const fault = new Fault('method_not_allowed', `This path offers ${allow}, not ${exchange.method}.`);
    await answerProblem(exchange, fault, { allow });
  };
}

function match(
  pattern: readonly string[],
  segments: readonly string[],
): Readonly<Record<string, string>> | null {
  const parameters: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    if (part === '*' && index === pattern.length - 1) {
      parameters['*'] = segments.slice(index).join('/');
      return parameters;
    }
    const segment = segments[index];
    if (segment === undefined) return null;
    if (!part.startsWith(':')) {
      if (part !== segment) return null;
      continue;
    }
    const text = decodeSegment(segment);
    if (text === null) return null;
    parameters[part.slice(1)] = text;
  }
  return pattern.length === segments.length ? parameters : null;
}

/** One path segment decoded (RFC 3986 §2.1), or null when it is empty, ill-formed or hides a separator. */
function decodeSegment(segment: string): string | null {
  try {
    const text = decodeURIComponent(segment);
    return text === '' || text === '.' || text === '..' || /[/\\\0]/.test(text) ? null : text;
  } catch {
    return null;
  }
}

import { z } from 'zod';
import type { Exchange } from '../../http/exchange.ts';
import { Fault } from '../../kernel/fault.ts';
import { namePattern } from '../../x509/leaf-profile.ts';
import { reportLimit, type ToolReport } from '../tools/tool-report.ts';
import { readObject } from './json-exchange.ts';
import { bodyLimit } from './route.ts';

const reports = z
  .array(
    z.strictObject({
      server: z.string().regex(namePattern),
      definitions: z.array(z.string().refine(isJson, 'is not JSON')).max(reportLimit.definitions),
      whole: z.boolean(),
    }),
  )
  .max(reportLimit.definitions);

/** What a gateway tells of the tools of servers. Throws Fault `invalid_input`, or what reading the body throws. */
export async function readToolReports(exchange: Exchange): Promise<readonly ToolReport[]> {
  const body = await readObject(exchange, { ...bodyLimit, bytes: reportLimit.bytes });
  const parsed = reports.safeParse(body['reports']);
  if (parsed.success) return parsed.data;
  throw new Fault('invalid_input', 'The body needs reports, a list of servers with definitions of tools.');
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

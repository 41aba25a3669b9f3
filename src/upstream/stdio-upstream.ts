import type { Clock } from '../kernel/clock.ts';
import { hasReference } from '../secrets/reference.ts';
import type { Secrets } from '../secrets/resolve.ts';
import { createChannelUpstream } from './channel-upstream.ts';
import type { ChildWarden } from './child-warden.ts';
import { enclose, lacking } from './isolation/enclose.ts';
import { defaultIsolation, type Isolation } from './isolation/isolation.ts';
import type { Machine } from './isolation/machine.ts';
import type { UpstreamLimits } from './limits.ts';
import type { StdioServerDefinition } from './server-definition.ts';
import { startChild } from './stdio-child.ts';
import type { Upstream } from './upstream.ts';

export interface StdioUpstreamOptions {
  readonly clock: Clock;
  readonly limits: UpstreamLimits;
  readonly secrets: Secrets;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: (line: string) => void;
  readonly warden: ChildWarden | null;
  /** What this machine has to isolate servers with. */
  readonly machine: () => Promise<Machine>;
}

/** A stdio MCP server behind the face of Streamable HTTP: one child for each session, or each modern caller. */
export function createStdioUpstream(
  definition: StdioServerDefinition,
  options: StdioUpstreamOptions,
): Upstream {
  const { name, isolation = defaultIsolation } = definition;
  const { clock, limits, log, machine, secrets } = options;
  void tellWhatIsMissing(name, isolation, options);
  const texts = Object.values(definition.environment).filter(hasReference);
  return createChannelUpstream({
    name,
    clock,
    limits,
    log,
    mayEnd: false,
    most: { channels: limits.children, called: ['child', 'children'] },
    material: texts.length > 0 ? () => childEnvironment(definition, options) : null,
    async start(listeners, { material }) {
      // For as long as the child has them, whether it is asked or not.
      const kept = texts.map((text) => secrets.keep(text));
      const release = (): void => kept.forEach((one) => one[Symbol.dispose]());
      try {
        const environment = material ?? (await childEnvironment(definition, options));
        return await startChild({
          name,
          launch: await enclose({ ...definition, isolation, environment }, machine),
          limits,
          log,
          warden: options.warden,
          ...listeners,
          onGone(fault) {
            release();
            listeners.onGone(fault);
          },
        });
      } catch (error) {
        release();
        throw error;
      }
    },
  });
}

/** Says at once what the first call would otherwise be refused for, and what the operator does without. */
async function tellWhatIsMissing(
  name: string,
  isolation: Isolation,
  { log, machine }: StdioUpstreamOptions,
): Promise<void> {
  if (isolation.by === 'none')
    log(`MCP server ${name} is started without isolation, as its definition says.`);
  if (isolation.by !== 'bubblewrap') return;
  const found = await machine();
  const lacks = lacking(isolation, found);
  if (lacks !== null) log(`MCP server ${name} cannot be started: this machine cannot isolate it (${lacks}).`);
  else if (found.missing.size > 0) {
    log(`MCP server ${name} is started without ${[...found.missing.keys()].join(', ')}.`);
  }
}

/** The scrubbed environment: what finding programs and reading text needs, and what the definition declares. */
async function childEnvironment(
  definition: StdioServerDefinition,
  { environment, secrets }: StdioUpstreamOptions,
): Promise<Record<string, string>> {
  const scrubbed: Record<string, string> = {};
  for (const name of ['PATH', 'LANG']) {
    const value = environment[name];
    if (value !== undefined) scrubbed[name] = value;
  }
  for (const [name, reference] of Object.entries(definition.environment)) {
    scrubbed[name] = await secrets.resolve(reference);
  }
  return scrubbed;
}

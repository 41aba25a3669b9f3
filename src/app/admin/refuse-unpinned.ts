import { Fault } from '../../kernel/fault.ts';
import { unpinnedPackage } from '../../upstream/isolation/unpinned-package.ts';
import type { ServerDefinition } from '../../upstream/server-definition.ts';

/** Refuses a server that is fetched anew in whatever version there is. Throws Fault `invalid_input` with the line to use instead. */
export function refuseUnpinned(definition: ServerDefinition): void {
  const unpinned = definition.transport === 'stdio' ? unpinnedPackage(definition.command) : null;
  if (!unpinned) return;
  throw new Fault(
    'invalid_input',
    `The command starts ${unpinned.spec}, which may be another program tomorrow. Write ${unpinned.instead}, in a version that ` +
      'you have looked at; or install it, start what is installed, and pin that with --pin.',
  );
}

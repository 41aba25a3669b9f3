import type { ServerDefinition } from '../../upstream/server-definition.ts';

/** The MCP servers behind the gateway. Every promise resolves when the change is durable. */
export interface ServerRecords {
  /** `createdAt` in epoch ms. Fault `conflict` when the name is taken and `replace` is not set. */
  put(
    definition: ServerDefinition,
    createdAt: number,
    options?: { readonly replace?: boolean },
  ): Promise<void>;
  find(name: string): Promise<ServerDefinition | null>;
  /** All servers in name order. */
  list(): Promise<readonly ServerDefinition[]>;
  /** Whether there was one to remove. */
  remove(name: string): Promise<boolean>;
}

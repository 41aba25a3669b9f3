import { McpServer as LegacyServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import {
  acceptedContent,
  inputRequired,
  inputResponse,
  McpServer as ModernServer,
} from '@modelcontextprotocol/server';
import { z } from 'zod';

/** The same tools as each official SDK offers them; what they count is one server's, whatever its sessions. */
export interface Tools {
  /** A server of SDK 1.x. */
  legacy(): LegacyServer;
  /** A server of SDK 2.x, for either era. */
  modern(): ModernServer;
}

/** The SDKs' clients forget who waits for progress when the answer comes in the same read. */
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
const text = (said: string): { content: { type: 'text'; text: string }[] } => ({
  content: [{ type: 'text', text: said }],
});
const answer = z.object({ go: z.boolean() });
const question = {
  messages: [{ role: 'user' as const, content: { type: 'text' as const, text: 'Say hello.' } }],
  maxTokens: 10,
};
const greeting = (
  said: string,
): { messages: { role: 'user'; content: { type: 'text'; text: string } }[] } => ({
  messages: [{ role: 'user', content: { type: 'text', text: said } }],
});

export function createTools(): Tools {
  let cancellations = 0;
  const hang = async (signal: AbortSignal): Promise<ReturnType<typeof text>> => {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    cancellations += 1;
    return text('cancelled');
  };
  return {
    legacy() {
      const server = new LegacyServer({ name: 'v1', version: '1' });
      server.registerTool('echo', { inputSchema: { message: z.string() } }, ({ message }) =>
        text(`v1 ${message}`),
      );
      server.registerTool('count', { inputSchema: {} }, async (_input, extra) => {
        const progressToken = extra._meta?.progressToken ?? 0;
        for (const progress of [1, 2, 3]) {
          const params = { progressToken, progress };
          await extra.sendNotification({ method: 'notifications/progress', params });
          await pause();
        }
        return text('counted');
      });
      server.registerTool('ask', { inputSchema: {} }, async () => {
        const { content } = await server.server.elicitInput({
          message: 'Go on?',
          requestedSchema: { type: 'object', properties: { go: { type: 'boolean' } } },
        });
        return text(`go ${String(content?.['go'])}`);
      });
      server.registerTool('sample', { inputSchema: {} }, async (_input, extra) => {
        // On the stream of the call; the question of `ask` comes on the one that belongs to no request.
        const { content } = await server.server.createMessage(question, {
          relatedRequestId: extra.requestId,
        });
        return text(`said ${'text' in content ? content.text : ''}`);
      });
      server.registerResource('note', 'note://hello', {}, ({ href: uri }) => ({
        contents: [{ uri, text: 'v1 note' }],
      }));
      server.registerPrompt('greet', { argsSchema: { name: z.string() } }, ({ name }) =>
        greeting(`v1 greets ${name}`),
      );
      server.registerTool('hang', { inputSchema: {} }, (_input, extra) => hang(extra.signal));
      server.registerTool('cancellations', { inputSchema: {} }, () => text(String(cancellations)));
      server.registerTool('secret', { inputSchema: {} }, () => text('a secret'));
      return server;
    },
    modern() {
      const server = new ModernServer({ name: 'v2', version: '1' });
      const nothing = z.object({});
      server.registerTool('echo', { inputSchema: z.object({ message: z.string() }) }, ({ message }) =>
        text(`v2 ${message}`),
      );
      server.registerTool('count', { inputSchema: nothing }, async (_input, context) => {
        const progressToken = context.mcpReq._meta?.progressToken ?? 0;
        for (const progress of [1, 2, 3]) {
          const params = { progressToken, progress };
          await context.mcpReq.notify({ method: 'notifications/progress', params });
          await pause();
        }
        return text('counted');
      });
      server.registerTool('ask', { inputSchema: nothing }, (_input, context) => {
        const given = acceptedContent(context.mcpReq.inputResponses, 'go', answer);
        if (given) return text(`go ${given.go}`);
        return inputRequired({
          inputRequests: { go: inputRequired.elicit({ message: 'Go on?', requestedSchema: answer }) },
        });
      });
      server.registerTool('sample', { inputSchema: nothing }, (_input, context) => {
        const given = inputResponse(context.mcpReq.inputResponses, 'said');
        if (given.kind === 'missing') {
          return inputRequired({ inputRequests: { said: inputRequired.createMessage(question) } });
        }
        const content = given.kind === 'sampling' ? given.result.content : {};
        return text(`said ${'text' in content ? String(content.text) : ''}`);
      });
      server.registerResource('note', 'note://hello', {}, ({ href: uri }) => ({
        contents: [{ uri, text: 'v2 note' }],
      }));
      server.registerPrompt('greet', { argsSchema: z.object({ name: z.string() }) }, ({ name }) =>
        greeting(`v2 greets ${name}`),
      );
      server.registerTool('hang', { inputSchema: nothing }, (_input, context) => hang(context.mcpReq.signal));
      server.registerTool('cancellations', { inputSchema: nothing }, () => text(String(cancellations)));
      server.registerTool('secret', { inputSchema: nothing }, () => text('a secret'));
      return server;
    },
  };
}

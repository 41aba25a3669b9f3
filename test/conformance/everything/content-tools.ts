import { setTimeout as pause } from 'node:timers/promises';
import { type CallToolResult, fromJsonSchema, type McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { pixel, silence } from './samples.ts';

/** What an open subscription is told, when the server has such. */
export interface Changes {
  toolsChanged(): void;
  promptsChanged(): void;
}

/** Tools that answer by themselves: every kind of content, errors, progress, log messages, a broken stream. */
export function addContentTools(server: McpServer, changes: Changes): void {
  for (const [name, { description, content }] of Object.entries(fixed)) {
    server.registerTool(name, { description }, () => ({ content }));
  }
  server.registerTool('test_error_handling', { description: 'Always fails.' }, () => {
    throw new Error('This tool intentionally returns an error for testing');
  });
  addTellingTools(server);
  addSchemaTools(server);
  server.registerTool('test_trigger_tool_change', { description: 'Says that the tools changed.' }, () => {
    changes.toolsChanged();
    return said('The tools changed.');
  });
  server.registerTool('test_trigger_prompt_change', { description: 'Says that the prompts changed.' }, () => {
    changes.promptsChanged();
    return said('The prompts changed.');
  });
}

export function said(text: string): CallToolResult {
  return { content: [{ type: 'text', text }] };
}

const fixed: Readonly<
  Record<string, { readonly description: string; readonly content: CallToolResult['content'] }>
> = {
  test_simple_text: {
    description: 'Answers with text.',
    content: [{ type: 'text', text: 'This is a simple text response for testing.' }],
  },
  test_image_content: {
    description: 'Answers with an image.',
    content: [{ type: 'image', data: pixel, mimeType: 'image/png' }],
  },
  test_audio_content: {
    description: 'Answers with sound.',
    content: [{ type: 'audio', data: silence, mimeType: 'audio/wav' }],
  },
  test_embedded_resource: {
    description: 'Answers with a resource.',
    content: [
      {
        type: 'resource',
        resource: {
          uri: 'test://embedded-resource',
          mimeType: 'text/plain',
          text: 'This is an embedded resource content.',
        },
      },
    ],
  },
  test_multiple_content_types: {
    description: 'Answers with text, an image and a resource.',
    content: [
      { type: 'text', text: 'Multiple content types test:' },
      { type: 'image', data: pixel, mimeType: 'image/png' },
      {
        type: 'resource',
        resource: {
          uri: 'test://mixed-content-resource',
          mimeType: 'application/json',
          text: '{"test":"data","value":123}',
        },
      },
    ],
  },
};

const stepMilliseconds = 50;

function addTellingTools(server: McpServer): void {
  server.registerTool('test_tool_with_logging', { description: 'Logs three messages.' }, async (context) => {
    for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await context.mcpReq.notify({ method: 'notifications/message', params: { level: 'info', data } });
      await pause(stepMilliseconds);
    }
    return said('Three messages were logged.');
  });
  server.registerTool(
    'test_logging_tool',
    { description: 'Logs one message, if the request wants any.' },
    async (context) => {
      await context.mcpReq.log('info', 'one message');
      return said('Done.');
    },
  );
  server.registerTool(
    'test_tool_with_progress',
    { description: 'Reports its progress in three steps.' },
    async (context) => {
      const progressToken = context.mcpReq._meta?.progressToken;
      for (const progress of [0, 50, 100]) {
        if (progressToken !== undefined) {
          const params = { progressToken, progress, total: 100 };
          await context.mcpReq.notify({ method: 'notifications/progress', params });
        }
        await pause(stepMilliseconds);
      }
      return said(`Progress was told under ${String(progressToken)}.`);
    },
  );
  server.registerTool(
    'test_reconnection',
    { description: 'Closes its stream before the answer, so that the client comes back for it.' },
    async (context) => {
      context.http?.closeSSE?.();
      await pause(2 * stepMilliseconds);
      return said('The answer after the break.');
    },
  );
}

function addSchemaTools(server: McpServer): void {
  server.registerTool(
    'json_schema_2020_12_tool',
    {
      description: 'Has a schema with much of JSON Schema 2020-12.',
      inputSchema: fromJsonSchema(richSchema),
    },
    () => said('Done.'),
  );
  server.registerTool(
    'test_x_mcp_header',
    {
      description: 'Has an argument that is mirrored in a header.',
      inputSchema: z.object({ region: z.string().meta({ 'x-mcp-header': 'Region' }) }),
    },
    ({ region }) => said(`In ${region}.`),
  );
}

// Every keyword is here because a scenario looks for it (SEP-1613, SEP-2106).
const richSchema: Parameters<typeof fromJsonSchema>[0] = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: {
    address: {
      $anchor: 'addressDef',
      type: 'object',
      properties: { street: { type: 'string' }, city: { type: 'string' } },
    },
  },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
};

import {
  completable,
  type GetPromptResult,
  inputRequired,
  inputResponse,
  type McpServer,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { pixel } from './samples.ts';

/** Prompts with text, arguments that complete, a resource, an image, and one that needs a round trip. */
export function addPrompts(server: McpServer): void {
  server.registerPrompt('test_simple_prompt', { description: 'A prompt without arguments.' }, () =>
    fromUser({ type: 'text', text: 'This is a simple prompt for testing.' }),
  );
  const begins = (values: readonly string[]) => (typed: string) =>
    values.filter((value) => value.startsWith(typed));
  server.registerPrompt(
    'test_prompt_with_arguments',
    {
      description: 'A prompt with two arguments.',
      argsSchema: z.object({
        arg1: completable(z.string(), begins(['paris', 'park', 'party', 'test'])),
        arg2: completable(z.string(), begins(['one', 'two'])),
      }),
    },
    ({ arg1, arg2 }) =>
      fromUser({ type: 'text', text: `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'` }),
  );
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    {
      description: 'A prompt with a resource in it.',
      argsSchema: z.object({ resourceUri: z.string() }),
    },
    ({ resourceUri }) =>
      fromUser(
        {
          type: 'resource',
          resource: {
            uri: resourceUri,
            mimeType: 'text/plain',
            text: 'Embedded resource content for testing.',
          },
        },
        { type: 'text', text: 'Please process the embedded resource above.' },
      ),
  );
  server.registerPrompt('test_prompt_with_image', { description: 'A prompt with an image in it.' }, () =>
    fromUser(
      { type: 'image', data: pixel, mimeType: 'image/png' },
      { type: 'text', text: 'Please analyze the image above.' },
    ),
  );
  server.registerPrompt(
    'test_input_required_result_prompt',
    { description: 'A prompt that asks the person first.' },
    (context) => {
      const given = inputResponse(context.mcpReq.inputResponses, 'user_context');
      if (given.kind === 'elicit') {
        return fromUser({ type: 'text', text: `In the context: ${JSON.stringify(given.content ?? {})}` });
      }
      const user_context = inputRequired.elicit({
        message: 'What context should the prompt use?',
        requestedSchema: z.object({ context: z.string() }),
      });
      return inputRequired({ inputRequests: { user_context } });
    },
  );
}

function fromUser(...contents: readonly GetPromptResult['messages'][number]['content'][]): GetPromptResult {
  return { messages: contents.map((content) => ({ role: 'user', content })) };
}

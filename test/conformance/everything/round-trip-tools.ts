import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  type InputRequest,
  inputRequired,
  inputResponse,
  type McpServer,
  type RequestStateCodec,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { said } from './content-tools.ts';

/** What the server remembers of a call between its round trips, sealed by the codec. */
export interface Round {
  readonly round: number;
}

/** Tools that need several round trips, as the modern era has them (SEP-2322). */
export function addRoundTripTools(server: McpServer, codec: RequestStateCodec<Round>): void {
  addSingleQuestions(server);
  addStatefulTools(server, codec);
  server.registerTool(
    'test_input_required_result_capabilities',
    { description: 'Asks for what the client says it can do.' },
    (context) => {
      if (context.mcpReq.inputResponses) return said('Answered.');
      const envelope = (context.mcpReq.envelope ?? {}) as Record<string, ClientCapabilities | undefined>;
      const can = envelope[CLIENT_CAPABILITIES_META_KEY] ?? {};
      return inputRequired({
        inputRequests: {
          ...(can.elicitation ? { form: askName('What is your name?') } : {}),
          ...(can.sampling ? { model: askModel('Say something.', 50) } : {}),
          ...(can.roots ? { folders: inputRequired.listRoots() } : {}),
        },
      });
    },
  );
  server.registerTool(
    'test_missing_capability',
    { description: 'Needs a client with a model.' },
    (context) =>
      inputResponse(context.mcpReq.inputResponses, 'model').kind === 'sampling'
        ? said('Answered.')
        : inputRequired({ inputRequests: { model: askModel('Say something.', 50) } }),
  );
  server.registerTool(
    'test_streaming_elicitation',
    { description: 'Streams before it asks.' },
    async (context) => {
      const progressToken = context.mcpReq._meta?.progressToken ?? 'none';
      const params = { progressToken, progress: 1, total: 2 };
      await context.mcpReq.notify({ method: 'notifications/progress', params });
      return inputRequired({ inputRequests: { user_name: askName('What is your name?') } });
    },
  );
}

export function askName(message: string): InputRequest {
  return inputRequired.elicit({ message, requestedSchema: z.object({ name: z.string() }) });
}

function askModel(text: string, maxTokens: number): InputRequest {
  return inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text } }],
    maxTokens,
  });
}

function addSingleQuestions(server: McpServer): void {
  server.registerTool(
    'test_input_required_result_elicitation',
    { description: 'Asks the person for a name.' },
    (context) => {
      const name = givenName(context, 'user_name');
      if (name !== null) return said(`Hello, ${name}!`);
      return inputRequired({ inputRequests: { user_name: askName('What is your name?') } });
    },
  );
  server.registerTool(
    'test_input_required_result_sampling',
    { description: "Asks the client's model for a capital." },
    (context) => {
      const given = inputResponse(context.mcpReq.inputResponses, 'capital_question');
      if (given.kind === 'sampling') return said(`The model says: ${JSON.stringify(given.result.content)}`);
      const question = askModel('What is the capital of France?', 100);
      return inputRequired({ inputRequests: { capital_question: question } });
    },
  );
  server.registerTool(
    'test_input_required_result_list_roots',
    { description: "Asks for the client's roots." },
    (context) => {
      const given = inputResponse(context.mcpReq.inputResponses, 'client_roots');
      if (given.kind === 'roots') return said(`Roots: ${given.roots.map(({ uri }) => uri).join(', ')}`);
      return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } });
    },
  );
}

function addStatefulTools(server: McpServer, codec: RequestStateCodec<Round>): void {
  for (const name of [
    'test_input_required_result_request_state',
    'test_input_required_result_tampered_state',
  ]) {
    server.registerTool(name, { description: 'Needs its state back, unchanged.' }, async (context) => {
      if (context.mcpReq.requestState<Round>()?.round === 1 && context.mcpReq.inputResponses) {
        return said('state-ok');
      }
      const confirm = inputRequired.elicit({
        message: 'Please confirm',
        requestedSchema: z.object({ ok: z.boolean() }),
      });
      return inputRequired({ inputRequests: { confirm }, requestState: await codec.mint({ round: 1 }) });
    });
  }
  server.registerTool(
    'test_input_required_result_multiple_inputs',
    { description: 'Asks for three things at once.' },
    async (context) => {
      const given = context.mcpReq.inputResponses;
      const name = givenName(context, 'user_name');
      const model = inputResponse(given, 'greeting');
      const roots = inputResponse(given, 'client_roots');
      if (name !== null && model.kind === 'sampling' && roots.kind === 'roots') {
        return said(`${name} has ${roots.roots.length} roots.`);
      }
      const inputRequests = {
        user_name: askName('What is your name?'),
        greeting: askModel('Generate a greeting', 50),
        client_roots: inputRequired.listRoots(),
      };
      return inputRequired({ inputRequests, requestState: await codec.mint({ round: 1 }) });
    },
  );
  server.registerTool(
    'test_input_required_result_multi_round',
    { description: 'Asks twice, one after the other.' },
    async (context) => {
      const { round } = context.mcpReq.requestState<Round>() ?? { round: 0 };
      if (round === 2 && inputResponse(context.mcpReq.inputResponses, 'step2').kind === 'elicit') {
        return said('Both steps are answered.');
      }
      if (round === 1 && givenName(context, 'step1') !== null) {
        const step2 = inputRequired.elicit({
          message: 'Step 2: What is your favorite color?',
          requestedSchema: z.object({ color: z.string() }),
        });
        return inputRequired({ inputRequests: { step2 }, requestState: await codec.mint({ round: 2 }) });
      }
      const step1 = askName('Step 1: What is your name?');
      return inputRequired({ inputRequests: { step1 }, requestState: await codec.mint({ round: 1 }) });
    },
  );
}

function givenName(context: ServerContext, key: string): string | null {
  return (
    acceptedContent(context.mcpReq.inputResponses, key, z.object({ name: z.string().min(1) }))?.name ?? null
  );
}

import type { SeededRandom } from '../../differential/seeded-random.ts';
import { destructiveCalls, roles } from '../honest-tools.ts';
import { ObedientAgent, order } from '../obedient-agent.ts';
import type { Json } from '../range-server.ts';
import { type Family, turn } from './family.ts';
import { judge, schemeOf, wayOut, words, workBeside } from './lead-astray.ts';

const done = { resultType: 'complete' };
const plain = { type: 'text', text: 'done' };

type Carrier = (words: string) => Json;

/** Where in a result words may stand. */
const results: readonly Carrier[] = [
  (text) => ({ ...done, content: [{ type: 'text', text }] }),
  (text) => ({ ...done, content: [plain], structuredContent: { note: text } }),
  (text) => ({ ...done, content: [plain], structuredContent: { [text]: true } }),
  (text) => ({ ...done, content: [{ type: 'resource', resource: { uri: 'file:///a', text } }] }),
  (text) => ({ ...done, content: [{ type: 'resource_link', uri: 'file:///a', name: text }] }),
  (text) => ({ ...done, content: [{ ...plain, annotations: { audience: [text] } }] }),
  (text) => ({ ...done, content: [plain], _meta: { 'example.internal/next': text } }),
];

const errors: readonly Carrier[] = [
  (text) => ({ ...done, isError: true, content: [{ type: 'text', text }] }),
  (text) => ({ error: { code: -32000, message: text } }),
  (text) => ({ error: { code: -32602, message: 'Invalid arguments', data: { hint: text } } }),
];

/** Questions that a server has for the person or the model behind its client. */
const questions: readonly Carrier[] = [
  (message) => asking('elicitation/create', { message, requestedSchema: { type: 'object', properties: {} } }),
  (text) =>
    asking('sampling/createMessage', {
      maxTokens: 10,
      messages: [{ role: 'user', content: { type: 'text', text } }],
    }),
];

function asking(method: string, params: Json): Json {
  return { resultType: 'input_required', inputRequests: { one: { method, params } } };
}

function inAnswers(id: string, title: string, carriers: readonly Carrier[]): Family {
  return {
    id,
    title,
    success: 'private data of another server are known to the attacker',
    async attack(stage, random, variant) {
      const effects = stage.begin(random);
      const scheme = schemeOf(random, variant);
      const carrier = random.pick(carriers);
      return await workBeside(stage, effects, {
        hostile: scheme.hostile,
        mischief: { answer: once(() => carrier(scheme.words)) },
      });
    },
  };
}

/** The first answer is poisoned, so that what the agent is told to do there does not end in it again. */
function once(make: () => Json): () => Json | null {
  let said = false;
  return () => {
    if (said) return null;
    said = true;
    return make();
  };
}

/** No server is hostile: a page that somebody else wrote is. */
function onPage(
  id: string,
  what: Pick<Family, 'title' | 'success'>,
  orders: (random: SeededRandom, variant: number) => string,
): Family {
  return {
    id,
    ...what,
    async attack(stage, random, variant) {
      const effects = stage.begin(random);
      const url = `https://docs.example/page-${random.below(1_000)}`;
      effects.pages.set(url, `A page about something. ${orders(random, variant)}`);
      await using passage = await stage.agent();
      const agent = new ObedientAgent(passage);
      await agent.look();
      await agent.step({ server: 'web', tool: 'fetch', arguments: { url } });
      return judge(effects, null);
    },
  };
}

const holders = roles.filter((role) => role !== 'web');

export const answerFamilies: readonly Family[] = [
  inAnswers('A3', 'poisoned results', results),
  inAnswers('A4', 'poisoned errors', errors),
  onPage(
    'A7',
    {
      title: 'a page that sends private data out by honest servers',
      success: 'private data are known to the attacker',
    },
    (random, variant) => words(random, turn(holders, variant), wayOut(random.pick(['mail', 'web']), null)),
  ),
  onPage(
    'A8',
    {
      title: 'a page that destroys by honest servers',
      success: 'something is destroyed that nobody may lose',
    },
    (_random, variant) => {
      const { role, tool, arguments: given } = turn(destructiveCalls, variant);
      return order({ server: role, tool, arguments: given });
    },
  ),
  inAnswers('A15', 'questions of a server to person or model', questions),
];

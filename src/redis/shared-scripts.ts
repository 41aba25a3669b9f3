import { forgetScript, recallScript, rememberScript, sinceScript } from './flow-scripts.ts';
import { keepScript, restateScript, settleScript, takeScript } from './limit-scripts.ts';
import type { LuaScript } from './lua-script.ts';
import { onceScript } from './used-once.ts';

/** Every script that the shared memory is asked with. */
export const sharedScripts: readonly LuaScript[] = Object.freeze([
  takeScript,
  settleScript,
  restateScript,
  keepScript,
  onceScript,
  recallScript,
  rememberScript,
  forgetScript,
  sinceScript,
]);

import { hash } from 'node:crypto';

/** A script that the server carries out in one go. */
export interface LuaScript {
  readonly text: string;
  /** By which the server knows it. */
  readonly sha: string;
}

export function luaScript(text: string): LuaScript {
  return Object.freeze({ text, sha: hash('sha1', text, 'hex') });
}

/** The time in milliseconds: that of the server, so that the clocks of gateways do not matter, or one that a specification gives. */
export const luaTime = `
local function theTime(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return time[1] * 1000 + time[2] / 1000
end`;

/**
 * Since when this very process of a server remembers, in milliseconds. A server that was started anew, or a replica that took over, may
 * have lost what was written last, whatever it still has: it has another run id, and begins anew.
 */
export const luaSince = `
local function rememberingSince(key)
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  local known = redis.call('HMGET', key, 'run', 'since')
  if run and known[1] == run and known[2] then return tonumber(known[2]) end
  local since = theTime('')
  redis.call('HSET', key, 'run', run or '', 'since', string.format('%.3f', since))
  return since
end`;

import { luaScript, luaSince, luaTime } from './lua-script.ts';

/**
 * A task is a hash: `worked` when its agent was last at work, and for each label `last:` its last use, `at:` when that was, and `since:`
 * when the first was. Its key ends with `<family>:<person>`, both hashed, `-` for nobody in particular; a set has the people of a family.
 */
const tasks = `
local longestQuiet = 8 * 86400000
local function taskKey(prefix, family, person) return prefix .. family .. ':' .. person end
local function peopleKey(prefix, family) return prefix .. family end
local function tasksFor(prefix, family, person)
  local keys = {taskKey(prefix, family, '-')}
  if person ~= '' then
    keys[2] = taskKey(prefix, family, person)
    return keys
  end
  for _, one in ipairs(redis.call('SMEMBERS', peopleKey(prefix, family))) do
    local key = taskKey(prefix, family, one)
    if redis.call('EXISTS', key) == 1 then keys[#keys + 1] = key
    else redis.call('SREM', peopleKey(prefix, family), one) end
  end
  return keys
end
local function drop(key, label) redis.call('HDEL', key, 'last:' .. label, 'at:' .. label, 'since:' .. label) end`;

/**
 * What a party has used. KEYS: since when is remembered. ARGV: the time, what keys begin with, the quiet that ends a task, the longest that a
 * use counts, '1' when the task goes on, the person or empty, the families. Answers for how long is remembered; then for each label that counts
 * which family it is of, the label, since when, and the last use.
 */
export const recallScript = luaScript(`${luaTime}${luaSince}${tasks}
local now, prefix = theTime(ARGV[1]), ARGV[2]
local quiet, longest, working, person = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == '1', ARGV[6]
local found = {string.format('%.3f', theTime('') - rememberingSince(KEYS[1]))}
for i = 7, #ARGV do
  for _, key in ipairs(tasksFor(prefix, ARGV[i], person)) do
    local fields = redis.call('HGETALL', key)
    local task = {}
    for f = 1, #fields, 2 do task[fields[f]] = fields[f + 1] end
    if task.worked and now - tonumber(task.worked) > quiet then redis.call('DEL', key)
    elseif task.worked then
      local any = false
      for field, at in pairs(task) do
        local label = string.match(field, '^at:(.+)$')
        if label and now - tonumber(at) > longest then drop(key, label)
        elseif label then
          any = true
          found[#found + 1] = i - 7
          found[#found + 1] = label
          found[#found + 1] = task['since:' .. label]
          found[#found + 1] = task['last:' .. label]
        end
      end
      if any and working then
        redis.call('HSET', key, 'worked', string.format('%.3f', now))
        redis.call('PEXPIRE', key, longestQuiet)
        redis.call('PEXPIRE', peopleKey(prefix, ARGV[i]), longestQuiet)
      end
    end
  end
end
return found`);

/**
 * Remembers a use. KEYS: since when is remembered. ARGV: the time, what keys begin with, the person or '-', how many people of a family are kept
 * apart, when the use was, since when it counts, how many families; then these; then each label and its use.
 */
export const rememberScript = luaScript(`${luaTime}${luaSince}${tasks}
local now, prefix, at, since = theTime(ARGV[1]), ARGV[2], ARGV[5], ARGV[6]
rememberingSince(KEYS[1])
local families = tonumber(ARGV[7])
for i = 8, 7 + families do
  local person, people = ARGV[3], peopleKey(prefix, ARGV[i])
  if person ~= '-' and redis.call('SISMEMBER', people, person) == 0 then
    if redis.call('SCARD', people) >= tonumber(ARGV[4]) then tasksFor(prefix, ARGV[i], '') end
    if redis.call('SCARD', people) >= tonumber(ARGV[4]) then person = '-' else redis.call('SADD', people, person) end
  end
  local key = taskKey(prefix, ARGV[i], person)
  local worked = tonumber(redis.call('HGET', key, 'worked') or 0)
  redis.call('HSET', key, 'worked', string.format('%.3f', math.max(worked, now)))
  for l = 8 + families, #ARGV, 2 do
    local label = ARGV[l]
    local known = redis.call('HGET', key, 'at:' .. label)
    if not known then redis.call('HSET', key, 'since:' .. label, since) end
    if not known or tonumber(at) >= tonumber(known) then
      redis.call('HSET', key, 'at:' .. label, at, 'last:' .. label, ARGV[l + 1])
    end
  end
  redis.call('PEXPIRE', key, longestQuiet)
  if person ~= '-' then redis.call('PEXPIRE', people, longestQuiet) end
end
return 'remembered'`);

/** Forgets what was used until then. ARGV: what keys begin with, the family, the person or empty for all people, until when. */
export const forgetScript = luaScript(`${tasks}
for _, key in ipairs(tasksFor(ARGV[1], ARGV[2], ARGV[3])) do
  local fields = redis.call('HGETALL', key)
  for f = 1, #fields, 2 do
    local label = string.match(fields[f], '^at:(.+)$')
    if label and tonumber(fields[f + 1]) <= tonumber(ARGV[4]) then drop(key, label) end
  end
end
return 'forgotten'`);

/** Since when is remembered, in milliseconds. KEYS: where that stands. */
export const sinceScript = luaScript(`${luaTime}${luaSince}
return string.format('%.3f', rememberingSince(KEYS[1]))`);

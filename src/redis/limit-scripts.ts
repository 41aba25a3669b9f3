import { luaScript, luaTime } from './lua-script.ts';

/**
 * A counter is a hash: `full` when the bucket of the rate is full again, `at` when that was written, `hour` and `day` which windows the budgets are of, with their
 * `…calls` and `…octets`, `open` the open calls of all gateways and `open:<generation>` those of one. It goes by itself once it holds
 * nothing; with open calls in it, after so long, in milliseconds.
 */
export const openCounterMilliseconds = 4 * 3_600_000;

const counter = `
local lengths = {hour = 3600000, day = 86400000}
local slack = 60000
local open = ${openCounterMilliseconds}
local function read(key)
  local raw = redis.call('HMGET', key, 'full', 'open', 'hour', 'hourcalls', 'houroctets', 'day', 'daycalls', 'dayoctets', 'at')
  local function at(i) return tonumber(raw[i] or 0) or 0 end
  return {key = key, full = at(1), open = at(2), hour = at(3), hourcalls = at(4), houroctets = at(5),
    day = at(6), daycalls = at(7), dayoctets = at(8), at = at(9)}
end
local function turn(state, window, now)
  local index = math.floor(now / lengths[window])
  if index > state[window] then
    state[window] = index
    state[window .. 'calls'] = 0
    state[window .. 'octets'] = 0
  end
end
local function untilNext(window, now) return lengths[window] - now % lengths[window] end
local function write(state, now)
  redis.call('HSET', state.key, 'full', string.format('%.17g', state.full), 'at', string.format('%.17g', state.at), 'open', state.open,
    'hour', state.hour, 'hourcalls', state.hourcalls, 'houroctets', state.houroctets,
    'day', state.day, 'daycalls', state.daycalls, 'dayoctets', state.dayoctets)
  local life = math.max(0, state.full - now)
  if state.open > 0 then life = math.max(life, open) end
  if state.hourcalls > 0 or state.houroctets > 0 then life = math.max(life, untilNext('hour', now)) end
  if state.daycalls > 0 or state.dayoctets > 0 then life = math.max(life, untilNext('day', now)) end
  redis.call('PEXPIRE', state.key, math.ceil(life + slack))
end`;

/**
 * Takes from every counter or from none. KEYS: the counter of each claim. ARGV: the time, the generation, what the keys of generations
 * begin with; then for each claim its calls, milliseconds for each call of the rate, its burst, places, and for hour and day the calls and
 * octets of the budget: empty where there is none, '-' where it has no bound.
 */
export const takeScript = luaScript(`${luaTime}${counter}
local now, me, alive = theTime(ARGV[1]), ARGV[2], ARGV[3]
if redis.call('EXISTS', alive .. me) == 0 then return {'gone'} end
local states = {}
local function stateOf(key)
  if not states[key] then states[key] = read(key) end
  return states[key]
end
-- The places of gateways that are gone come back when somebody needs them.
local function reclaim(state)
  local fields = redis.call('HGETALL', state.key)
  for i = 1, #fields, 2 do
    local holder = string.match(fields[i], '^open:(.+)$')
    if holder and holder ~= me and redis.call('EXISTS', alive .. holder) == 0 then
      state.open = state.open - tonumber(fields[i + 1])
      redis.call('HDEL', state.key, fields[i])
      redis.call('HSET', state.key, 'open', state.open)
    end
  end
end
local function short(i, kind, window, wait)
  return {'short', i, kind, window, string.format('%.3f', wait)}
end
local held = {}
for i, key in ipairs(KEYS) do
  local state = stateOf(key)
  local base = 3 + (i - 1) * 8
  local calls = tonumber(ARGV[base + 1])
  local each, burst, places = ARGV[base + 2], ARGV[base + 3], ARGV[base + 4]
  if each ~= '' then
    each = tonumber(each)
    local latest = now + tonumber(burst) * each
    -- As if this rule had held when it was written: it may have been made wider since.
    state.full = math.max(now, math.min(state.full, state.at + tonumber(burst) * each))
    local wait = state.full + calls * each - latest
    if wait > 0.01 then return short(i, 'rate', '', wait) end
    state.full = state.full + calls * each
  end
  if places ~= '' then
    if state.open + calls > tonumber(places) then
      local before = state.open
      local stored = tonumber(redis.call('HGET', key, 'open') or 0)
      state.open = stored
      reclaim(state)
      state.open = before - stored + state.open
    end
    if state.open + calls > tonumber(places) then return short(i, 'concurrent', '', 0) end
    state.open = state.open + calls
    held[key] = (held[key] or 0) + calls
  end
  for w, window in ipairs({'hour', 'day'}) do
    local mostCalls, mostOctets = ARGV[base + 3 + w * 2], ARGV[base + 4 + w * 2]
    if mostCalls ~= '' then
      turn(state, window, now)
      if mostCalls ~= '-' and state[window .. 'calls'] + calls > tonumber(mostCalls) then
        return short(i, 'calls', window, untilNext(window, now))
      end
      if mostOctets ~= '-' and state[window .. 'octets'] >= tonumber(mostOctets) then
        return short(i, 'octets', window, untilNext(window, now))
      end
      state[window .. 'calls'] = state[window .. 'calls'] + calls
    end
  end
end
for key, state in pairs(states) do
  state.at = now
  write(state, now)
end
for key, calls in pairs(held) do redis.call('HINCRBY', key, 'open:' .. me, calls) end
return {'held'}`);

/**
 * Gives places back and counts octets. KEYS: counters. ARGV: the time, the generation; then for each counter the places, the octets, and
 * the octets that hour and day allow, as above. Answers which counter's budget is overdrawn: place and window, or nothing.
 */
export const settleScript = luaScript(`${luaTime}${counter}
local now, me = theTime(ARGV[1]), ARGV[2]
local over = {}
for i, key in ipairs(KEYS) do
  local base = 2 + (i - 1) * 4
  local places, octets = tonumber(ARGV[base + 1]), tonumber(ARGV[base + 2])
  local state = read(key)
  local mine = tonumber(redis.call('HGET', key, 'open:' .. me) or 0)
  local back = math.min(places, mine)
  state.open = math.max(0, state.open - back)
  for w, window in ipairs({'hour', 'day'}) do
    local most = ARGV[base + 2 + w]
    if most ~= '' then
      turn(state, window, now)
      state[window .. 'octets'] = state[window .. 'octets'] + octets
      if most ~= '-' and state[window .. 'octets'] > tonumber(most) and #over == 0 then
        over = {i, window, string.format('%.3f', untilNext(window, now))}
      end
    end
  end
  if back > 0 or octets > 0 then write(state, now) end
  if back > 0 and redis.call('HINCRBY', key, 'open:' .. me, -back) <= 0 then redis.call('HDEL', key, 'open:' .. me) end
end
return over`);

/** Says anew how many calls of this gateway are open. KEYS: counters. ARGV: the generation; then for each counter how many. */
export const restateScript = luaScript(`
for i, key in ipairs(KEYS) do
  local before = tonumber(redis.call('HGET', key, 'open:' .. ARGV[1]) or 0)
  local open = tonumber(ARGV[i + 1])
  redis.call('HINCRBY', key, 'open', open - before)
  redis.call('HSET', key, 'open:' .. ARGV[1], open)
  redis.call('PEXPIRE', key, ${openCounterMilliseconds})
end
return #KEYS`);

/** Keeps counters with open calls in them. KEYS: counters. */
export const keepScript = luaScript(`
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < ${openCounterMilliseconds} then redis.call('PEXPIRE', key, ${openCounterMilliseconds}) end
end
return #KEYS`);

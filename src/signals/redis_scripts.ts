/**
 * What Redis does in one step: scripts (`EVAL`), and how their results are read.
 *
 * @module
 */

/**
 * Adds an event. KEYS: the stream; the id of the last event that was dropped of it. ARGV: the value; how many
 * events are kept, and how long, in milliseconds. Returns the id; who follows the topic is told `ID VALUE`.
 */
export const PUBLISH_SCRIPT = `
local kept = tonumber(ARGV[2])
if redis.call('XLEN', KEYS[1]) >= kept then
  local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
  redis.call('SET', KEYS[2], oldest[1][1], 'PX', ARGV[3])
end
local id = redis.call('XADD', KEYS[1], 'MAXLEN', kept, '*', 'v', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PUBLISH', KEYS[1], id .. ' ' .. ARGV[1])
return id`;

/**
 * Reads events. KEYS: as above. ARGV: the id after which to begin, `''` for now; how many at the most. Returns
 * the id of the last event that was dropped, that of the last event, and the events.
 */
export const READ_SCRIPT = `
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local lastId = last[1] and last[1][1] or ''
local dropped = redis.call('GET', KEYS[2]) or ''
if ARGV[1] == '' then return {dropped, lastId, {}} end
return {dropped, lastId, redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])}`;

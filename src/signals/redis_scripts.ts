/**
 * What Redis does in one step: scripts (`EVAL`), and how their results are read.
 *
 * @module
 */

/**
 * Adds an event. KEYS: the stream; the id of the last event that was dropped of it; how many bytes its values
 * have. ARGV: the value; how many events are kept, how long, in milliseconds, and how many bytes. Returns the
 * id; who follows the topic is told `ID VALUE`.
 */
export const PUBLISH_SCRIPT = `
local kept = tonumber(ARGV[2])
local room = tonumber(ARGV[4]) - #ARGV[1]
local count = redis.call('XLEN', KEYS[1])
local bytes = tonumber(redis.call('GET', KEYS[3]) or '')
-- Redis may have evicted one key, and not the other.
if not bytes or count == 0 then
  bytes = 0
  for _, event in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do bytes = bytes + #event[2][2] end
end
local dropped
while count > 0 and (count >= kept or bytes > room) do
  local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  dropped = oldest[1]
  redis.call('XDEL', KEYS[1], dropped)
  count = count - 1
  bytes = bytes - #oldest[2][2]
end
if dropped then redis.call('SET', KEYS[2], dropped, 'PX', ARGV[3]) end
local id = redis.call('XADD', KEYS[1], '*', 'v', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('SET', KEYS[3], bytes + #ARGV[1], 'PX', ARGV[3])
redis.call('PUBLISH', KEYS[1], id .. ' ' .. ARGV[1])
return id`;

/**
 * Reads events. KEYS: the first two of those above. ARGV: the id after which to begin, `''` for now; how many at the most. Returns
 * the id of the last event that was dropped, that of the last event, and the events.
 */
export const READ_SCRIPT = `
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local lastId = last[1] and last[1][1] or ''
local dropped = redis.call('GET', KEYS[2]) or ''
if ARGV[1] == '' then return {dropped, lastId, {}} end
return {dropped, lastId, redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])}`;

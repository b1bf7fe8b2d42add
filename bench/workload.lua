-- wrk -s workload.lua URL -- MODE PREFIX KEYS VALUE_BYTES
-- MODE put: new keys PREFIX-1, PREFIX-2, …; get: random ones of the first KEYS (not PREFIX-1: wrk asks the script
-- once for a request that it does not send); blind: puts over the first KEYS
-- without a context; overwrite: puts over the first KEYS, each with the context that the last put of it returned.
-- Overwrite needs every answer's headers: workload-overwrite.lua adds the callback, which slows wrk down.
-- Every wrk process needs a prefix of its own. Prints one line of JSON at the end.
local mode, prefix, keys, value
local count = 0
contexts = {}
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  mode, prefix, keys = args[1], args[2], tonumber(args[3])
  value = string.rep("x", tonumber(args[4]))
  local seed = 0
  for i = 1, #prefix do
    seed = (seed * 31 + prefix:byte(i)) % 2147483647
  end
  math.randomseed(seed)
  written = 0
end

local function path(n)
  return "/v1/kv/b/" .. prefix .. "-" .. n
end

function request()
  count = count + 1
  if mode == "get" then
    return wrk.format("GET", path(math.random(2, keys)))
  elseif mode == "put" then
    written = count
    return wrk.format("PUT", path(count), nil, value)
  end
  local n = (count - 1) % keys + 1
  if mode == "blind" then
    return wrk.format("PUT", path(n), nil, value)
  end
  -- The request id comes back with the answer: it tells which key the context belongs to.
  local headers = { ["X-Dynamo-Request-Id"] = prefix .. "." .. n .. "." .. count }
  if contexts[n] then
    headers["X-Dynamo-Context"] = contexts[n]
  end
  return wrk.format("PUT", path(n), headers, value)
end

function done(summary, latency)
  for _, thread in ipairs(threads) do
    written = math.max(written or 0, thread:get("written") or 0)
  end
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"durationUs":%d,"bad":%d,"socketErrors":%d,"p50Us":%d,"p99Us":%d,"p999Us":%d,"maxUs":%d,"written":%d}\n',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max, written or 0))
end

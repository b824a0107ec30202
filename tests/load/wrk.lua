-- Plays the requests of a file over and over: PATH<TAB>Header: value<TAB>…, one request a line.
local requests, count, at = {}, 0, 0

function init(args)
  for line in io.lines(args[1]) do
    local path, headers = nil, {}
    for part in string.gmatch(line, "[^\t]+") do
      if path == nil then
        path = part
      else
        local name, value = string.match(part, "^([^:]+): (.*)$")
        headers[name] = value
      end
    end
    headers["Host"] = wrk.host .. ":" .. wrk.port
    count = count + 1
    requests[count] = wrk.format("GET", path, headers)
  end
end

function request()
  at = at % count + 1
  return requests[at]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    'RESULT{"count":%d,"elapsed_us":%d,"bytes":%d,"errors":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.requests, summary.duration, summary.bytes,
    errors.status + errors.timeout + errors.connect + errors.read + errors.write,
    latency:percentile(50), latency:percentile(99)))
end

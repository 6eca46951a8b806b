-- Requests for wrk, drawn from a file; `load.py` writes it and reads the last line printed here.
-- https://github.com/wg/wrk/blob/master/SCRIPTING
--
-- wrk … URL -- FILE METHOD SERIES
-- A line of FILE is `path TAB authorization TAB accept TAB body`. In a body, `@plain@` stands for 18
-- digits that no other request has, `@coded@` for the same digits in base64.

local method, series
local lines, prepared = {}, {}
local number = 0
local coded = {} -- "000" … "999" in base64

local function base64(text)
   local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
   local a, b, c = text:byte(1, 3)
   local bits = a * 65536 + b * 256 + c
   local result = ""
   for _ = 1, 4 do
      local sextet = bits % 64 + 1
      result = alphabet:sub(sextet, sextet) .. result
      bits = math.floor(bits / 64)
   end
   return result
end

function init(args)
   method, series = args[2], args[3]
   math.randomseed(tonumber(series))
   for n = 0, 999 do
      local digits = string.format("%03d", n)
      coded[digits] = base64(digits)
   end
   for line in io.lines(args[1]) do
      local path, authorization, accept, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
      local headers = { Accept = accept }
      if authorization ~= "" then
         headers["Authorization"] = authorization
      end
      if body ~= "" then
         headers["Content-Type"] = "application/fhir+json"
         lines[#lines + 1] = { path = path, headers = headers, body = body }
      else
         prepared[#prepared + 1] = wrk.format(method, path, headers)
      end
   end
end

function request()
   if #prepared > 0 then
      return prepared[math.random(#prepared)]
   end
   local line = lines[math.random(#lines)]
   number = number + 1
   local digits = series .. string.format("%09d", number)
   local body = line.body:gsub("@plain@", digits):gsub("@coded@", (digits:gsub("%d%d%d", coded)))
   return wrk.format(method, line.path, line.headers, body)
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '{"answers": %d, "seconds": %.6f, "p50": %.6f, "p99": %.6f, "refused": %d, "broken": %d}\n',
      summary.requests, summary.duration / 1e6,
      latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
      errors.status, errors.connect + errors.read + errors.write + errors.timeout
   ))
end

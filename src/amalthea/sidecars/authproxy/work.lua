-- Tells when somebody worked in the session, and what browsers send on open WebSockets.
--
-- HAProxy keeps one entry per WebSocket with the bytes that came in within a minute (backend `websockets`). Editors
-- send some on their own to keep a connection alive, about 230 a minute; who types or runs something sends more.
local KEEPS_ALIVE = 300
local LOOKS_EVERY = 15

local last_work = core.now().sec

local function look()
    local bytes = 0
    for _, websocket in pairs(core.backends.websockets.stktable:dump()) do
        bytes = bytes + websocket.bytes_in_rate
        if websocket.bytes_in_rate > KEEPS_ALIVE then
            last_work = core.now().sec
        end
    end
    return bytes
end

core.register_task(function()
    while true do
        core.sleep(LOOKS_EVERY)
        look()
    end
end)

core.register_fetches("websocket_bytes_in", look)
core.register_fetches("last_work", function(txn)
    return math.max(last_work, txn:get_var("proc.last_work"))
end)

-- Cookies on several lines become one line, as RFC 9113 (8.2.3) wants it for whoever speaks HTTP/1.1 behind.
core.register_action("join_cookies", {"http-req"}, function(txn)
    local lines = txn.http:req_get_headers()["cookie"]
    local joined = lines[0]
    for number = 1, #lines do
        joined = joined .. "; " .. lines[number]
    end
    txn.http:req_set_header("cookie", joined)
end)

-- What is said where the session gave no answer, or one that HAProxy could not read and ended for itself (P).
core.register_fetches("no_answer", function(txn, kind)
    local unreadable = string.sub(txn.f:txn_sess_term_state(), 1, 1) == "P"
    if unreadable then
        txn:set_loglevel(core.err)
    end
    return txn:get_var("proc." .. (unreadable and "unreadable_" or "waiting_") .. kind)
end)

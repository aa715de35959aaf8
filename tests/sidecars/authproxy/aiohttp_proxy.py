"""A door in Python, for the benchmark only: what every request needs of a door, and no WebSockets.

python aiohttp_proxy.py PORT UPSTREAM_PORT TOKEN
"""

import hmac
import logging
import sys
import time
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade"}
CLIENT = web.AppKey("client", aiohttp.ClientSession)
LAST_REQUEST = [0.0]


def application(upstream: int, token: str) -> web.Application:
    """Return the proxy."""

    def may_enter(request: web.Request) -> bool:
        keys = (request.cookies.get("renku-auth", ""), request.headers.get("Authorization", "")[7:])
        return any(hmac.compare_digest(key, token) for key in keys)

    def passed_on(request: web.Request) -> dict[str, str]:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        cookies = [each for each in headers.pop("Cookie", "").split("; ") if not each.startswith("renku-auth=")]
        if any(cookies):
            headers["Cookie"] = "; ".join(cookies)
        client = request.remote or ""
        headers["X-Forwarded-For"] = ", ".join(filter(None, (headers.get("X-Forwarded-For"), client)))
        headers.setdefault("X-Real-IP", client)
        headers.setdefault("X-Forwarded-Proto", "http")
        return headers

    async def handle(request: web.Request) -> web.StreamResponse:
        if not may_enter(request):
            return web.Response(status=401)
        LAST_REQUEST[0] = time.time()
        url = f"http://127.0.0.1:{upstream}{request.raw_path}"
        data = request.content if request.can_read_body else None
        asked = request.app[CLIENT].request(
            request.method, url, headers=passed_on(request), data=data, allow_redirects=False
        )
        async with asked as answer:
            headers = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP]
            response = web.StreamResponse(status=answer.status, headers=dict(headers))
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response

    async def client(app: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()) as session:
            app[CLIENT] = session
            yield

    app = web.Application(client_max_size=0)
    app.cleanup_ctx.append(client)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


if __name__ == "__main__":
    logging.disable()  # it would complain of each client that hangs up
    _, own, behind, key = sys.argv
    web.run_app(application(int(behind), key), host="127.0.0.1", port=int(own), access_log=None, print=None)

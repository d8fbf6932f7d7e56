"""A plain aiohttp application that returns the same bytes: what the lane is measured against.

python -m loadtests.plain PORT < body
"""

from __future__ import annotations

import sys

import uvloop
from aiohttp import web


def application(body: bytes) -> web.Application:
    headers = {
        "Content-Type": "application/json;charset=utf-8",
        "Vary": "Authorization, Origin",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, must-revalidate",
        "ETag": '"1"',
        "X-Request-Id": "0123456789abcdef",
    }

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, headers=headers)

    app = web.Application()
    app.router.add_get(r"/api/handles/{handle:[\s\S]+}", answer)
    return app


if __name__ == "__main__":
    uvloop.install()
    web.run_app(
        application(sys.stdin.buffer.read()),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=None,
        print=None,
    )

"""A bare aiohttp handler over the same SQL, pool and views: no kit, no table of problems, no log, no numbers, no tags.

Tokens are checked as ours are: by the same verifier, which remembers them.
"""

import asyncio
from uuid import UUID

import orjson
import uvloop
from aiohttp import web
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from libs.db.pool import Database, DatabaseSettings, Row, connect
from libs.web.auth import AuthSettings, Verifier, verifier
from services.locations.rules.naming import split_key
from services.locations.store import shown as stored
from services.locations.views.location import location

ROLE = "ROLE_VIEW_LOCATIONS"


class Settings(BaseSettings):
    """Read once, at start."""

    database_url: SecretStr
    jwks_url: str
    http_port: int


class Bare:
    """The handlers."""

    def __init__(self, database: Database, tokens: Verifier) -> None:
        self._database = database
        self._tokens = tokens

    async def by_id(self, request: web.Request) -> web.Response:
        """Show a location."""
        await self._enter(request)
        return self._shown(await stored.by_id(self._database, UUID(request.match_info["id"])))

    async def by_key(self, request: web.Request) -> web.Response:
        """Show a location by its key."""
        await self._enter(request)
        path = split_key(request.match_info["key"])
        assert path is not None
        return self._shown(await stored.by_key(self._database, *path))

    async def _enter(self, request: web.Request) -> None:
        header = request.headers.get("Authorization")
        caller = self._tokens.remembered(header) or await self._tokens.caller(header)
        if ROLE not in caller.roles:
            raise web.HTTPForbidden

    def _shown(self, row: Row | None) -> web.Response:
        if row is None:
            raise web.HTTPNotFound
        return web.Response(body=orjson.dumps(location(row, row)), content_type="application/json")


async def main() -> None:
    """Serve until killed."""
    settings = Settings()
    database = DatabaseSettings(dsn=settings.database_url, pool_max=20, planner={"enable_seqscan": "off"})
    async with connect(database) as opened, verifier(AuthSettings(jwks_url=settings.jwks_url)) as tokens:
        bare = Bare(opened, tokens)
        app = web.Application()
        app.router.add_get("/locations/{id}", bare.by_id)
        app.router.add_get("/locations/key/{key}", bare.by_key)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", settings.http_port).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())

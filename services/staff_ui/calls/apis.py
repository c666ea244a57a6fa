"""Sessions to the APIs; each request carries the token of the person it is made for."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from libs.web.outgoing import OK, ApiAnswer, ApiSession, api_session
from services.staff_ui.settings import Settings

NAMES = ("locations", "reconciliation", "migration", "to_nomis", "from_nomis", "prison_register")


@dataclass(frozen=True)
class Asker:
    """The APIs as one person sees them: they check the token again, whatever a page has shown."""

    sessions: Mapping[str, ApiSession]
    token: str

    async def ask(
        self,
        service: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: Any = None,
        etag: str = "",
        ok: Collection[int] = OK,
    ) -> ApiAnswer:
        """Ask one door. Raises RemoteRefused for a status not in `ok`, RemoteUnavailable when there was no answer."""
        headers = {"Authorization": f"Bearer {self.token}"}
        if etag:
            headers["If-Match"] = etag
        return await self.sessions[service].request(method, path, params=params, json=json, headers=headers, ok=ok)

    def pieces(self, service: str, path: str, seconds_max: float) -> AsyncGenerator[bytes, None]:
        """Read a long answer of one door as it comes. Raises as `ask`, also after some pieces."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.sessions[service].pieces(path, headers=headers, timeout=seconds_max)


@asynccontextmanager
async def open_apis(settings: Settings) -> AsyncIterator[Mapping[str, ApiSession]]:
    """Open a session to each."""
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(api_session(settings.api(name))) for name in NAMES}

"""Asks the services' doors; a session to each that a command needs, opened when it is first asked."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import orjson
from pydantic import SecretStr

from libs.web.outgoing import ApiSession, OutgoingSettings, api_session
from services.cli.errors import NotConfigured
from services.cli.settings import Settings

OPERATOR = "operator"
FINE = frozenset({200, 201, 202, 204})


class Place:
    """The services we can reach and where our token comes from: what the environment says, else the endpoints file."""

    def __init__(self, settings: Settings) -> None:
        file = settings.endpoints_file
        self._settings = settings
        self._told: Mapping[str, Any] = orjson.loads(file.read_bytes()) if file.exists() else {}
        self.client_id = settings.client_id or OPERATOR

    @property
    def token_url(self) -> str:
        """Where tokens come from. Raises NotConfigured."""
        return self._settings.token_url or self.told("signIn", "tokenUrl", setting="LIP_TOKEN_URL")

    @property
    def client_secret(self) -> SecretStr:
        """Our secret. Raises NotConfigured."""
        return self._settings.client_secret or SecretStr(
            self.told("signIn", "clients", self.client_id, "secret", setting="CLIENT_SECRET")
        )

    def url(self, service: str) -> str:
        """Return where a service is. Raises NotConfigured."""
        given: str | None = getattr(self._settings, f"api_base_url_{service}")
        return given or self.told("services", service, "url", setting=f"API_BASE_URL_{service.upper()}")

    def told(self, *path: str, setting: str = "") -> str:
        """Return something of the endpoints file; `setting` would have said it too. Raises NotConfigured."""
        found: Any = self._told
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        if not isinstance(found, str):
            file = self._settings.endpoints_file
            lacks = f"{file} does not say {'.'.join(path)}" if file.exists() else f"there is no {file}"
            ways = f"set {setting}, or LIP_ENDPOINTS" if setting else "set LIP_ENDPOINTS"
            raise NotConfigured(f"{lacks}: {ways} to the endpoints.json of a running estate")
        return found


class Calls:
    """The doors, by the name of their service."""

    def __init__(self, place: Place, timeout_seconds: float, stack: AsyncExitStack) -> None:
        self.place = place
        self._timeout_seconds = timeout_seconds
        self._stack = stack
        self._open: dict[str, ApiSession] = {}

    async def ask(
        self,
        service: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        ok: Collection[int] = FINE,
    ) -> Any:
        """Ask one door; None when it answers nothing. Raises NotConfigured, RemoteFailure."""
        session = await self._session(service)
        given = {name: _word(value) for name, value in (params or {}).items() if value is not None}
        answer = await session.request(method, path, params=given, json=json, ok=ok)
        return answer.json() if answer.body else None

    async def _session(self, service: str) -> ApiSession:
        if service not in self._open:
            settings = OutgoingSettings(
                base_url=self.place.url(service),
                timeout_seconds=self._timeout_seconds,
                token_url=self.place.token_url,
                client_id=self.place.client_id,
                client_secret=self.place.client_secret,
            )
            self._open[service] = await self._stack.enter_async_context(api_session(settings))
        return self._open[service]


@asynccontextmanager
async def open_calls(settings: Settings) -> AsyncIterator[Calls]:
    """Open the doors for one command."""
    async with AsyncExitStack() as stack:
        yield Calls(Place(settings), settings.timeout_seconds, stack)


def _word(value: Any) -> str | int:
    return str(value).lower() if isinstance(value, bool) else value

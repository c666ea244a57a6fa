"""Is it alive, may it be asked, and what does it lean on: the answers that probes and people look for."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import structlog
from pydantic import BaseModel, PositiveFloat

from libs.db.pool import Database
from libs.web.outgoing import ApiSession

log = structlog.get_logger()


@dataclass(frozen=True)
class HealthDetail:
    """What one component says of itself."""

    up: bool = True
    details: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Write it as Spring's actuator does."""
        status = {"status": "UP" if self.up else "DOWN"}
        return {**status, "details": dict(self.details)} if self.details else dict(status)


Check = Callable[[], Awaitable[HealthDetail]]


class HealthSettings(BaseModel, frozen=True):
    """How long a component may take, and how long an answer is good for."""

    check_seconds: PositiveFloat = 2
    cache_seconds: PositiveFloat = 2


class Health:
    """Asks all components at once and remembers the answer for a moment, however many ask.

    Those named in `lesser` are told of when they are down, but leave the whole at work: a queue that cannot be read is
    no reason for a load balancer to turn away requests, nor for a restart.
    """

    def __init__(
        self,
        checks: Mapping[str, Check] = MappingProxyType({}),
        settings: HealthSettings = HealthSettings(),  # noqa: B008 - frozen
        clock: Callable[[], float] = time.monotonic,
        *,
        lesser: Collection[str] = (),
        hangs: Callable[[], bool] = lambda: False,
    ) -> None:
        # Whether only a restart helps; then liveness fails.
        self.hangs = hangs
        self._checks = checks
        self._lesser = frozenset(lesser)
        self._settings = settings
        self._clock = clock
        self._answer: tuple[float, dict[str, HealthDetail]] = (float("-inf"), {})
        self._one_at_a_time = asyncio.Lock()
        self.draining = False

    async def components(self) -> dict[str, HealthDetail]:
        """Give what each component says."""
        async with self._one_at_a_time:
            at, answer = self._answer
            if self._clock() - at > self._settings.cache_seconds:
                found = await asyncio.gather(*(self._asked(name, check) for name, check in self._checks.items()))
                answer = dict(zip(self._checks, found, strict=True))
                self._answer = (self._clock(), answer)
            return answer

    def status(self, components: Mapping[str, HealthDetail]) -> str:
        """Sum up: DOWN, DEGRADED when only lesser components are down, else UP."""
        down = {name for name, detail in components.items() if not detail.up}
        return "DOWN" if down - self._lesser else "DEGRADED" if down else "UP"

    async def _asked(self, name: str, check: Check) -> HealthDetail:
        try:
            async with asyncio.timeout(self._settings.check_seconds):
                return await check()
        except Exception as failure:  # noqa: BLE001 - whatever ails a component, it is down and we are not
            log.warning("health-check-failed", component=name, reason=type(failure).__name__)
            return HealthDetail(up=False, details={"error": type(failure).__name__})


def database_check(database: Database) -> Check:
    """Ask the database for the shortest answer there is."""

    async def check() -> HealthDetail:
        await database.fetchval("SELECT 1")
        return HealthDetail(details={"database": "PostgreSQL"})

    return check


def api_check(api: ApiSession) -> Check:
    """Ask another service whether it is there; `api` sends no token, as that would be asking for two."""

    async def check() -> HealthDetail:
        await api.request("GET", "/health/ping")
        return HealthDetail()

    return check

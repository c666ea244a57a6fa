"""What prisons are called, by the prison register: open data that changes once in months, so it is remembered."""

from collections.abc import Callable, Mapping

from libs.domain.prisons import PRISON_ID
from libs.web.outgoing import ApiSession, RemoteFailure


class PrisonNames:
    """Names by prison id; an outage of the register leaves the names that are known."""

    def __init__(self, register: ApiSession, cache_seconds: float, clock: Callable[[], float]) -> None:
        self._register = register
        self._cache_seconds = cache_seconds
        self._clock = clock
        self._names: Mapping[str, str] = {}
        self._read_at = float("-inf")

    async def all(self) -> Mapping[str, str]:
        """Return every prison's name, by id. Raises RemoteFailure before the first success."""
        if self._clock() - self._read_at > self._cache_seconds:
            listed = (await self._register.request("GET", "/prisons")).json()
            names = {str(each["prisonId"]): str(each["prisonName"]) for each in listed}
            self._names = {prison_id: name for prison_id, name in names.items() if PRISON_ID.fullmatch(prison_id)}
            self._read_at = self._clock()
        return self._names

    async def known(self) -> Mapping[str, str]:
        """Return them, or none while the register does not answer: for pages that can do with ids."""
        try:
            return await self.all()
        except RemoteFailure:
            return self._names

"""The prison register over HTTP: what a prison is called and whom it holds (`reference/locations-api.md` §2.5)."""

from libs.domain.wire import Wire
from libs.web.outgoing import ApiSession

OK = 200
NOT_FOUND = 404


class Prison(Wire):
    """What the locations API wants to know of a prison."""

    prison_id: str
    prison_name: str
    female: bool = False
    # Long-term and high-security estate.
    lthse: bool = False


class PrisonRegisterClient:
    """Looks prisons up; the register is open, no token is sent."""

    def __init__(self, api: ApiSession) -> None:
        self._api = api

    async def prison(self, prison_id: str) -> Prison | None:
        """Return a prison; None if the register does not know it."""
        answer = await self._api.request("GET", f"/prisons/id/{prison_id}", ok=(OK, NOT_FOUND))
        return Prison.model_validate_json(answer.body) if answer.status == OK else None

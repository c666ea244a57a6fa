"""prison-api over HTTP: who came and went today (`reference/locations-api.md` §2.5)."""

from pydantic import Field

from libs.domain.wire import Wire
from libs.web.outgoing import ApiSession

OK = 200
NOT_FOUND = 404


class InAndOut(Wire):
    """How many came in and went out."""

    into: int = Field(alias="in")
    out: int


class Movements(Wire):
    """A prison's movements of today."""

    in_out_movements_today: InAndOut
    en_route_today: int


class PrisonApiClient:
    """Asks for one count."""

    def __init__(self, api: ApiSession) -> None:
        self._api = api

    async def movements(self, prison_id: str) -> Movements | None:
        """Return a prison's movements of today; None: prison-api does not know it."""
        path = f"/api/prison/roll-count/{prison_id}/movement-count"
        answer = await self._api.request("GET", path, ok=(OK, NOT_FOUND))
        return Movements.model_validate_json(answer.body) if answer.status == OK else None

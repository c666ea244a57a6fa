"""One location as both sides have it now: for people who ask whether NOMIS holds the same, and what it holds."""

from dataclasses import dataclass

from libs.domain.comparing import Beside, side_by_side
from libs.domain.translation import Untranslatable
from services.reconciliation.errors import LocationUnknown
from services.reconciliation.reconcile.looking import Look
from services.reconciliation.records import DueLocation, Parked, Sides, Verdict
from services.reconciliation.rules.judging import judged
from services.reconciliation.store.due import DueStore


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the look found, every field of a location that both sides have, and whether nothing could settle it."""

    verdict: Verdict
    linked: bool
    fields: tuple[Beside, ...]
    parked: Parked | None


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Looks once, and judges as a run does; a change on its way is a difference here."""

    look: Look
    due: DueStore

    async def of(self, location: DueLocation) -> Comparison:
        """Return both sides of a location, known by one side's id. Raises LocationUnknown."""
        seen = await self.look.sides([location.suspect()])
        found = next((each for each in seen if each.own or each.row or each.linked), None)
        if found is None:
            raise LocationUnknown(location.side, location.id)
        return Comparison(judged(found), found.linked, _fields(found), await self.due.parked_of(found))


def _fields(sides: Sides) -> tuple[Beside, ...]:
    if sides.own is None or sides.row is None:
        return ()
    try:
        return side_by_side(sides.own, sides.row, sides.parent)
    except Untranslatable:
        # The verdict says which word it is.
        return ()

"""Takes a prison from one stage of its switch-over to the next, or back, in one transaction with its record."""

from libs.db.pool import Database
from libs.domain.switch_over import PrisonStage, StageMove, StepRefused, refusal
from libs.messaging.audit import Act
from services.locations.changes.announce import Announcer
from services.locations.store import switch_over
from services.locations.store.writing import writing


class SwitchOver:
    """The state machine's only door to the table."""

    def __init__(self, database: Database, announcer: Announcer) -> None:
        self._db = database
        self._announcer = announcer

    async def every(self, *, holding: bool) -> list[PrisonStage]:
        """Return the prisons that ever took a step; with `holding` also those that hold locations and took none."""
        async with self._db.transaction(isolation="repeatable_read", readonly=True) as tx:
            stands = {each.prison_id: each for each in await switch_over.every(tx)}
            held = await switch_over.holding(tx) if holding else []
        every = {prison: PrisonStage(prison_id=prison) for prison in held} | stands
        return [every[prison] for prison in sorted(every)]

    async def one(self, prison_id: str) -> PrisonStage:
        """Return where a prison stands, with its steps."""
        async with self._db.transaction(isolation="repeatable_read", readonly=True) as tx:
            return await switch_over.one(tx, prison_id)

    async def move(self, prison_id: str, move: StageMove) -> PrisonStage:
        """Take a step. Raises StepRefused, LocationBusy."""
        async with writing(self._db) as tx:
            stands = await switch_over.lock(tx, prison_id)
            if refused := refusal(move, stands.stage, stands.since):
                raise StepRefused(f"{prison_id}: {refused}")
            await switch_over.take(tx, prison_id, move, self._announcer.now())
            told = {"prisonId": prison_id, **move.model_dump(mode="json", by_alias=True, exclude={"taken_by"})}
            step = Act("LOCATION_SWITCH_OVER_STEP", move.taken_by, prison_id, "PRISON_ID", told)
            await self._announcer.auditor.note(tx, step)
            return await switch_over.one(tx, prison_id)

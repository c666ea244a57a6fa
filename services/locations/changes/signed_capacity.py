"""Sets a prison's signed operational capacity: row and event in one transaction."""

from libs.db.pool import Database
from libs.domain.codes import SHOWN_TYPES
from services.locations.changes.announce import Announcer
from services.locations.changes.desk import Actor
from services.locations.errors import LocationNotFound, SignedCapacityAboveMaximum
from services.locations.ports import PrisonRegister
from services.locations.store import signed_capacity as stored
from services.locations.store.shown import below
from services.locations.store.writing import writing
from services.locations.views.location import Json
from services.locations.views.signed_capacity import signed


class SignedCapacityChanges:
    """Carries out what staff ask for."""

    def __init__(self, database: Database, announcer: Announcer, register: PrisonRegister) -> None:
        self._db = database
        self._announcer = announcer
        self._register = register

    async def set(self, prison_id: str, capacity: int, by: str, actor: Actor) -> tuple[Json, bool]:
        """Set it; return what is signed now and whether it is the first.

        Raises NotInCaseload, LocationNotFound (the prison), SignedCapacityAboveMaximum.
        """
        actor.may_act_on(prison_id)
        if await self._register.prison(prison_id) is None:
            raise LocationNotFound(f"{prison_id} (a prison)")
        async with writing(self._db) as tx:
            tops = await below(tx, prison_id, None, sorted(each.value for each in SHOWN_TYPES))
            most = sum(row["max_total"] or 0 for row in tops)
            if capacity > most:
                raise SignedCapacityAboveMaximum(prison_id, most)
            first = await stored.save(tx, prison_id, capacity, by, self._announcer.local_now().replace(microsecond=0))
            await self._announcer.tell_signed_capacity(tx, prison_id, capacity)
            await self._announcer.audit_signed_capacity(tx, actor.username, prison_id, capacity)
            row = await stored.get(tx, prison_id)
        assert row is not None
        return signed(row), first

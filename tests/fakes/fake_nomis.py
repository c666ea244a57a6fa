"""NOMIS's locations in memory, as stubborn as the real API: three PUTs, full replace, 500 on a taken key, no DELETE."""

from collections.abc import Sequence
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from libs.domain.nomis import Amendment, CreateNomisLocation, ListedLocation, NomisLocation, NomisLocationId
from libs.domain.writing import NomisWrites
from libs.settling.ports import NomisKeyTaken, NomisRow, NotAccepted, Stale

API_USER = "PRISONER_MANAGER_API"
TODAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 9, 0)  # noqa: DTZ001 - NOMIS keeps London time without zone


class FakeNomis:
    """Passes `tests.contracts.nomis`, with and without conditional writes."""

    def __init__(self, *, conditional_writes: bool = False, first_id: int = 700_000) -> None:
        self.rows: dict[NomisLocationId, NomisLocation] = {}
        self.conditional_writes = conditional_writes
        self.calls: list[str] = []
        self._next = first_id

    async def read(self, location_id: NomisLocationId) -> NomisRow | None:
        row = self.rows.get(location_id)
        if row is None:
            return None
        shown = row.model_copy(update={"parent_key": self._key(row.parent_location_id)})
        return NomisRow(shown, self._etag(row) if self.conditional_writes else None)

    async def read_by_key(self, key: str) -> NomisRow | None:
        found = [row for row in self.rows.values() if row.description == key]
        return await self.read(found[0].location_id) if found else None

    async def ids_page(self, page: int, size: int) -> tuple[list[ListedLocation], int]:
        ids = sorted(self.rows)
        return [self._listed(i) for i in ids[page * size : (page + 1) * size]], len(ids)

    def _listed(self, location_id: NomisLocationId) -> ListedLocation:
        row = self.rows[location_id]
        return ListedLocation(location_id, row.parent_location_id, row.prison_id)

    async def details(self, ids: Sequence[NomisLocationId]) -> list[NomisLocation]:
        return [self.rows[i] for i in ids if i in self.rows]

    async def create(self, location: CreateNomisLocation) -> NomisLocationId:
        self.calls.append("create")
        self._refuse_long(location.user_description, location.comment)
        self._refuse_taken(location.prison_id, location.description, None)
        if location.parent_location_id is not None and location.parent_location_id not in self.rows:
            raise NotAccepted(f"parent {location.parent_location_id} does not exist")
        location_id = NomisLocationId(self._next)
        self._next += 1
        self.rows[location_id] = NomisLocation(
            location_id=location_id,
            active=True,
            create_datetime=NOW,
            create_username=API_USER,
            **location.model_dump(),
        )
        return location_id

    async def carry_out(self, location_id: NomisLocationId, writes: NomisWrites, etag: str | None) -> None:
        if etag is not None and self.conditional_writes and etag != self._etag(self._row(location_id)):
            raise Stale
        if writes.update is not None:
            self.calls.append("update")
            self._refuse_long(writes.update.user_description, writes.update.comment)
            self._refuse_taken(self._row(location_id).prison_id, writes.update.description, location_id)
            self._change(location_id, API_USER, **{n: getattr(writes.update, n) for n in _names(writes.update)})
        if writes.capacity is not None:
            self.calls.append("capacity")
            self._change(location_id, API_USER, **writes.capacity.model_dump())
        if writes.certification is not None:
            self.calls.append("certification")
            self._change(location_id, API_USER, **writes.certification.model_dump())
        if writes.deactivate is not None:
            self.calls.append("deactivate")
            wish = writes.deactivate
            if wish.force or self._row(location_id).active:
                self._change(
                    location_id,
                    API_USER,
                    active=False,
                    deactivate_date=wish.deactivate_date or TODAY,
                    reason_code=wish.reason_code,
                    reactivate_date=wish.reactivate_date,
                )
        if writes.reactivate:
            self.calls.append("reactivate")
            self._change(
                location_id, API_USER, active=True, deactivate_date=None, reason_code=None, reactivate_date=None
            )

    def screen_edit(self, location_id: NomisLocationId, user: str = "OFFICER", **changed: Any) -> None:
        """Change a row as a NOMIS screen does; maximum capacity and comments leave amendments."""
        self._change(location_id, user, **changed)

    def screen_insert(self, row: NomisLocation) -> NomisLocation:
        """Insert a row as a NOMIS screen does, under an id of NOMIS's own."""
        made = row.model_copy(update={"location_id": NomisLocationId(self._next)})
        self._next += 1
        self.rows[made.location_id] = made
        return made

    def screen_delete(self, location_id: NomisLocationId) -> None:
        """Delete a row by hand."""
        del self.rows[location_id]

    def _change(self, location_id: NomisLocationId, user: str, **changed: Any) -> None:
        row = self._row(location_id)
        labels = {"capacity": "Maximum Capacity", "comment": "Comments"}
        made = tuple(
            Amendment(
                amend_date_time=NOW,
                column_name=label,
                old_value=_text(getattr(row, name)),
                new_value=_text(changed[name]),
                amended_by=user,
            )
            for name, label in labels.items()
            if name in changed and changed[name] != getattr(row, name)
        )
        self.rows[location_id] = row.model_copy(
            update={**changed, "amendments": (*row.amendments, *made), "modify_username": user}
        )

    def _row(self, location_id: NomisLocationId) -> NomisLocation:
        if location_id not in self.rows:
            raise Stale
        return self.rows[location_id]

    def _key(self, location_id: NomisLocationId | None) -> str | None:
        return self.rows[location_id].description if location_id in self.rows else None

    def _refuse_taken(self, prison_id: str, description: str, besides: NomisLocationId | None) -> None:
        for row in self.rows.values():
            if (row.prison_id, row.description) == (prison_id, description) and row.location_id != besides:
                raise NomisKeyTaken(description)

    @staticmethod
    def _refuse_long(user_description: str | None, comment: str | None) -> None:
        if len(user_description or "") > 40:
            raise NotAccepted("userDescription: max allowed 40 characters")
        if len(comment or "") > 240:
            raise NotAccepted("comment: max allowed 240 characters")

    @staticmethod
    def _etag(row: NomisLocation) -> str:
        return f'"{sha256(row.model_dump_json().encode()).hexdigest()[:16]}"'


def _names(model: Any) -> list[str]:
    return list(type(model).model_fields)


def _text(value: object) -> str | None:
    return None if value is None else str(value)

"""NOMIS's locations in memory, as stubborn as the real API: three PUTs, full replace, 500 on a taken key, no DELETE."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import partial
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import msgspec

from libs.domain.bulk import NomisDetail
from libs.domain.nomis import (
    Amendment,
    CapacityWrite,
    CertificationWrite,
    CreateNomisLocation,
    DeactivateWrite,
    ListedLocation,
    ListedPage,
    NomisLocation,
    NomisLocationId,
    Profile,
    UpdateNomisLocation,
)
from libs.domain.writing import NomisWrites
from libs.settling.ports import NomisKeyTaken, NomisRow, NotAccepted, Stale

API_USER = "PRISONER_MANAGER_API"
DPS_MODULE = "DPS_SYNCHRONISATION"
SCREEN_MODULE = "OIMMHOLO"
NOW = datetime(2026, 11, 24, 9, 0)  # noqa: DTZ001 - NOMIS keeps London time without zone

LABELS = MappingProxyType(
    {
        "unit_type": "Unit Type",
        "active": "Active",
        "location_code": "Living Unit Id",
        "comment": "Comments",
        "location_type": "Accommodation Type",
        "certified": "Certified",
        "description": "Description",
        "cna_capacity": "Baseline CNA",
        "operational_capacity": "Operational Capacity",
        "reason_code": "Deactivate Reason",
        "reactivate_date": "Proposed Reactivate Date",
        "list_sequence": "Sequence",
        "deactivate_date": "Deactivate Date",
        "capacity": "Maximum Capacity",
    }
)
"""What leaves an amendment that names it. The user description, parent and usages leave none, profiles a nameless."""
BESIDE = frozenset({"profiles", "usages"})
"""Rows of their own tables: a change of them alone leaves who last wrote the location's row."""

Call = Callable[[str | None], str | None]
"""One call of a walk's writes: takes the tag the row must have, returns the one it has then."""


class AlreadyThere(Exception):
    """400: already active, or already inactive."""


class FakeNomis:
    """Passes `tests.contracts.nomis`, with and without conditional writes."""

    def __init__(
        self,
        *,
        conditional_writes: bool = False,
        bulk_reads: bool = False,
        first_id: int = 700_000,
        now: Callable[[], datetime] = lambda: NOW,
    ) -> None:
        self.rows: dict[NomisLocationId, NomisLocation] = {}
        self.conditional_writes = conditional_writes
        self.bulk_reads = bulk_reads
        self.calls: list[str] = []
        self.now = now
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

    async def next_page(self, page: int, after: NomisLocationId | None, size: int) -> ListedPage:
        if not self.bulk_reads:
            rows, _ = await self.ids_page(page, size)
            return ListedPage(rows, by_key=False)
        behind = sorted(i for i in self.rows if after is None or i > after)
        return ListedPage([self._listed(i) for i in behind[:size]], by_key=True)

    def _listed(self, location_id: NomisLocationId) -> ListedLocation:
        row = self.rows[location_id]
        return ListedLocation(location_id, row.parent_location_id, row.prison_id)

    async def details(self, ids: Sequence[NomisLocationId]) -> list[NomisDetail]:
        found = (self.rows[i] for i in ids if i in self.rows)
        return [msgspec.json.decode(row.model_dump_json(by_alias=True), type=NomisDetail) for row in found]

    async def create(self, location: CreateNomisLocation) -> NomisLocationId:
        self.calls.append("create")
        self._refuse_wrong(location)
        self._refuse_taken(location.prison_id, location.description, None)
        location_id = NomisLocationId(self._next)
        self._next += 1
        self.rows[location_id] = NomisLocation(
            location_id=location_id,
            active=True,
            create_datetime=self.now(),
            create_username=API_USER,
            **location.model_dump(),
        )
        self.tell(None, self.rows[location_id], DPS_MODULE, API_USER)
        return location_id

    async def carry_out(self, location_id: NomisLocationId, writes: NomisWrites, etag: str | None) -> None:
        for _, call in self.in_calls(location_id, writes):
            etag = call(etag)

    def in_calls(self, location_id: NomisLocationId, writes: NomisWrites) -> list[tuple[str, Call]]:
        """Return the calls that carry the writes out, in order, each by its name."""
        found: list[tuple[str, Call]] = []
        if writes.update is not None:
            found.append(("update", partial(self._update, location_id, writes.update)))
        if writes.capacity is not None:
            found.append(("capacity", partial(self._capacity, location_id, writes.capacity)))
        if writes.certification is not None:
            found.append(("certification", partial(self._certification, location_id, writes.certification)))
        if writes.deactivate is not None:
            found.append(("deactivate", partial(self._deactivate, location_id, writes.deactivate)))
        if writes.reactivate:
            found.append(("reactivate", partial(self._reactivate, location_id)))
        return found

    def screen_edit(
        self, location_id: NomisLocationId, user: str = "OFFICER", module: str = SCREEN_MODULE, **changed: Any
    ) -> None:
        """Change a row as a NOMIS screen does. Raises NomisKeyTaken."""
        if "description" in changed:
            self._refuse_taken(self._row(location_id).prison_id, changed["description"], location_id)
        self._change(location_id, user, module, **changed)

    def screen_insert(self, row: NomisLocation) -> NomisLocation:
        """Insert a row as a NOMIS screen does, under an id of NOMIS's own. Raises NomisKeyTaken."""
        self._refuse_taken(row.prison_id, row.description, None)
        made = row.model_copy(update={"location_id": NomisLocationId(self._next)})
        self._next += 1
        self.rows[made.location_id] = made
        self.tell(None, made, SCREEN_MODULE, made.create_username)
        return made

    def screen_delete(self, location_id: NomisLocationId) -> None:
        """Delete a row by hand."""
        self.tell(self.rows.pop(location_id), None, SCREEN_MODULE, None)

    def tell(self, before: NomisLocation | None, after: NomisLocation | None, module: str, user: str | None) -> None:
        """Raise the triggers' events; here none."""

    def _update(self, location_id: NomisLocationId, wish: UpdateNomisLocation, etag: str | None) -> str | None:
        self._begin("update", location_id, etag)
        self._refuse_wrong(wish)
        self._refuse_taken(self._row(location_id).prison_id, wish.description, location_id)
        changed = {name: getattr(wish, name) for name in UpdateNomisLocation.model_fields}
        return self._change(location_id, API_USER, DPS_MODULE, **changed)

    def _capacity(self, location_id: NomisLocationId, wish: CapacityWrite, etag: str | None) -> str | None:
        self._begin("capacity", location_id, etag)
        return self._change(location_id, API_USER, DPS_MODULE, **wish.model_dump())

    def _certification(self, location_id: NomisLocationId, wish: CertificationWrite, etag: str | None) -> str | None:
        self._begin("certification", location_id, etag)
        return self._change(location_id, API_USER, DPS_MODULE, **wish.model_dump())

    def _deactivate(self, location_id: NomisLocationId, wish: DeactivateWrite, etag: str | None) -> str | None:
        self._begin("deactivate", location_id, etag)
        with suppress(AlreadyThere):
            if not self._row(location_id).active and not wish.force:
                raise AlreadyThere
            self._change(
                location_id,
                API_USER,
                DPS_MODULE,
                active=False,
                deactivate_date=wish.deactivate_date or self.now().date(),
                reason_code=wish.reason_code,
                reactivate_date=wish.reactivate_date,
            )
        return etag and self._etag(self._row(location_id))

    def _reactivate(self, location_id: NomisLocationId, etag: str | None) -> str | None:
        self._begin("reactivate", location_id, etag)
        with suppress(AlreadyThere):
            if self._row(location_id).active:
                raise AlreadyThere
            nothing = {"deactivate_date": None, "reason_code": None, "reactivate_date": None}
            self._change(location_id, API_USER, DPS_MODULE, active=True, **nothing)
        return etag and self._etag(self._row(location_id))

    def _begin(self, call: str, location_id: NomisLocationId, etag: str | None) -> None:
        self.calls.append(call)
        row = self._row(location_id)
        if etag is not None and self.conditional_writes and etag != self._etag(row):
            raise Stale

    def _change(self, location_id: NomisLocationId, user: str, module: str, **changed: Any) -> str | None:
        before = self._row(location_id)
        if all(getattr(before, name) == value for name, value in changed.items()):
            return self._etag(before) if self.conditional_writes else None
        made = tuple(
            Amendment(
                amend_date_time=self.now().replace(microsecond=0),
                column_name=label,
                old_value=_text(getattr(before, name)),
                new_value=_text(changed[name]),
                amended_by=user,
            )
            for name, label in LABELS.items()
            if name in changed and changed[name] != getattr(before, name)
        )
        made += self._profile_amendments(before, changed.get("profiles", before.profiles), user)
        in_row = any(getattr(before, name) != value for name, value in changed.items() if name not in BESIDE)
        writer = user if in_row else before.modify_username
        after = before.model_copy(
            update={**changed, "amendments": (*before.amendments, *made), "modify_username": writer}
        )
        self.rows[location_id] = after
        self.tell(before, after, module, user)
        return self._etag(after) if self.conditional_writes else None

    def _profile_amendments(
        self, before: NomisLocation, profiles: Sequence[Profile], user: str
    ) -> tuple[Amendment, ...]:
        gone = [(each.profile_code, None) for each in before.profiles if each not in profiles]
        new = [(None, each.profile_code) for each in profiles if each not in before.profiles]
        at = self.now().replace(microsecond=0)
        return tuple(
            Amendment(amend_date_time=at, column_name=None, old_value=old, new_value=now, amended_by=user)
            for old, now in (*gone, *new)
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

    def _refuse_wrong(self, wish: UpdateNomisLocation) -> None:
        if len(wish.user_description or "") > 40:
            raise NotAccepted("userDescription: max allowed 40 characters")
        if len(wish.comment or "") > 240:
            raise NotAccepted("comment: max allowed 240 characters")
        if wish.parent_location_id is not None and wish.parent_location_id not in self.rows:
            raise NotAccepted(f"parent {wish.parent_location_id} does not exist")

    @staticmethod
    def _etag(row: NomisLocation) -> str:
        return f'"{sha256(repr(row).encode()).hexdigest()[:16]}"'


def _text(value: object) -> str | None:
    """Write a value as an amendment does."""
    if isinstance(value, bool):
        return "Y" if value else "N"
    if isinstance(value, date):
        return value.strftime("%d-%b-%y").upper()
    return None if value is None else str(value)

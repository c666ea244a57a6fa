"""Both sides of the simulation: the fakes with outboxes, by which every change is announced in its own transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from libs.domain.events import LocationEventType, Source, location_event
from libs.domain.identity import is_vsip_room
from libs.domain.mapping import LocationMapping
from libs.domain.nomis import NomisLocation, NomisLocationId
from libs.domain.shared import Field, project_dps, project_nomis
from libs.domain.sync import Conflict, LocationMirror, MigrateLocation, Side, SyncWrite
from libs.domain.writing import dps_create_fields
from libs.messaging.queue import Parcel
from services.locations.records import LocationRow
from services.nomis.views.event import LOCATION, PROFILE, USAGE, event_body
from tests.fakes.fake_locations import FakeLocations
from tests.fakes.fake_mappings import FakeMappings
from tests.fakes.fake_nomis import API_USER, DPS_MODULE, FakeNomis

LONDON = ZoneInfo("Europe/London")
EPOCH = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


class Clock:
    """Wall clocks of the services; they may jump, also back."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.seconds)

    def local(self) -> datetime:
        return self.now().astimezone(LONDON).replace(tzinfo=None)


@dataclass(slots=True)
class Posted:
    """A row of an outbox. `ours` says that sync made the change it tells of."""

    parcel: Parcel
    ours: bool
    published: bool = False


@dataclass(slots=True)
class Outbox:
    """Rows that commit with the change they tell of; kept for an hour after publishing."""

    topic: str
    rows: list[Posted] = field(default_factory=list)

    def add(self, kind: str, body: str, group: str, attributes: dict[str, str], *, ours: bool) -> None:
        event_id = f"{self.topic}-{len(self.rows)}"
        self.rows.append(
            Posted(Parcel(body, {"eventType": kind, "eventId": event_id, **attributes}, group=group), ours)
        )

    def waiting(self) -> list[Posted]:
        return [row for row in self.rows if not row.published]


@dataclass(frozen=True, slots=True)
class Edit:
    """What a person changed of one field: of a location by the id of its side. Parents are (side, id)."""

    step: int
    side: Source
    who: UUID | NomisLocationId
    field: Field
    old: object
    new: object
    undoes: bool = False
    """It sets the field to what both sides had agreed on last, or a few agreements before."""


@dataclass(frozen=True, slots=True)
class Told:
    """A conflict as it was recorded."""

    step: int
    who: UUID
    conflict: Conflict


@dataclass(frozen=True, slots=True)
class Put:
    """What one of our calls did to a row; `read_at` is when the walk last looked at it before."""

    step: int
    read_at: int
    row: NomisLocationId
    before: dict[Field, object]
    after: dict[Field, object]


class SimLocations(FakeLocations):
    """The locations API with its outbox."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(now=clock.local)
        self.outbox = Outbox("domain-events")
        self.authority = Side.DPS
        self.gone: dict[UUID, LocationRow] = {}
        self.told: list[Told] = []
        self.step: Callable[[], int] = lambda: 0
        self._clock = clock

    def tell(self, kind: LocationEventType, row: LocationRow, source: Source) -> None:
        super().tell(kind, row, source)
        self.post(kind, row, source, source)

    def post(self, kind: LocationEventType, row: LocationRow, made_by: Source, told: Source) -> None:
        body = orjson.dumps(location_event(kind, row.id, row.key, told, self._clock.now().astimezone(LONDON))).decode()
        ours = made_by is Source.NOMIS
        self.outbox.add(kind.value, body, str(row.id), {"source": told.value}, ours=ours)

    def begin(self, location_id: UUID, row: NomisLocation, parent: UUID | None) -> None:
        """Put in a location as a finished migration left it."""
        self._migrate_one(
            MigrateLocation(
                id=location_id,
                nomis_location_id=row.location_id,
                nomis_description=row.description,
                prison_id=row.prison_id,
                fields=dps_create_fields(row, str(parent) if parent else None),
                create_date=row.create_datetime,
                last_updated_by=row.create_username,
            )
        )

    def bury(self, location_id: UUID) -> None:
        row = self.rows[location_id]
        super().bury(location_id)
        self.gone[location_id] = row

    def _note(self, location_id: UUID, write: SyncWrite) -> None:
        super()._note(location_id, write)
        self.told += [Told(self.step(), location_id, conflict) for conflict in write.conflicts]

    def set_authority(self, side: Side) -> None:
        """Say who masters the prison."""
        self.authority = side

    def _mirror(self, location_id: UUID) -> LocationMirror:
        found = super()._mirror(location_id)
        return found.model_copy(update={"sync": found.sync.model_copy(update={"authority": self.authority})})

    def shown(self, location_id: UUID) -> dict[Field, object]:
        projected: dict[Field, object] = dict(project_dps(self.rows[location_id].own()))
        parent = self.rows[location_id].parent_id
        return projected | {Field.PARENT: (Source.DPS, parent) if parent else None}


class SimNomis(FakeNomis):
    """NOMIS with its triggers and their table."""

    def __init__(self, clock: Clock, *, conditional_writes: bool) -> None:
        super().__init__(conditional_writes=conditional_writes, now=clock.local)
        self.outbox = Outbox("offender-events")
        self.deleted: dict[NomisLocationId, dict[Field, object]] = {}
        self.puts: list[Put] = []
        self.step: Callable[[], int] = lambda: 0
        self.read_at = 0
        """When the walk that is about to write last looked at the row."""
        self._clock = clock

    def tell(self, before: NomisLocation | None, after: NomisLocation | None, module: str, user: str | None) -> None:
        row = after or before
        assert row is not None
        if before is not None and after is not None and user == API_USER and module == DPS_MODULE:
            self.puts.append(Put(self.step(), self.read_at, row.location_id, shown_row(before), shown_row(after)))
        if after is None:
            self.deleted[row.location_id] = shown_row(row)
        columns = NomisLocation.model_fields.keys() - {"profiles", "usages", "amendments", "modify_username"}
        names = {name for name in (*columns, "profiles", "usages") if _value(before, name) != _value(after, name)}
        ours = after is not None and module != "" and user == API_USER
        ours = ours and not (before is None and is_vsip_room(row.description))
        if names & columns:
            entries = {"p_agy_loc_id": row.prison_id, "p_description": row.description}
            if before is not None:
                entries["p_old_description"] = before.description
            if after is None:
                entries["p_delete_flag"] = "Y"
            self.post(LOCATION, row.location_id, entries, module, ours=ours)
        for name, kind in (("profiles", PROFILE), ("usages", USAGE)):
            if name in names and before is not None and after is not None:
                self.post(kind, row.location_id, {}, module, ours=ours)

    def post(
        self, kind: str, location_id: NomisLocationId, entries: dict[str, str], module: str, *, ours: bool
    ) -> None:
        told = {"p_internal_location_id": str(location_id), "p_audit_module_name": module, **entries}
        body = event_body(kind, told, self._clock.now())
        self.outbox.add(kind, body, str(location_id), {}, ours=ours)

    def shown(self, location_id: NomisLocationId) -> dict[Field, object]:
        return shown_row(self.rows[location_id])


class SimMappings(FakeMappings):
    """The mapping service, remembering every link there ever was."""

    def __init__(self) -> None:
        super().__init__()
        self.ever: list[tuple[UUID, NomisLocationId]] = []
        self.met: dict[tuple[UUID, NomisLocationId], tuple[int, Mapping[str, object]]] = {}
        """At which step each pair was linked first, and the base of the location then."""
        self.step: Callable[[], int] = lambda: 0
        self.base_of: Callable[[UUID], Mapping[str, object]] = lambda _: {}

    def _put(self, mapping: LocationMapping) -> None:
        super()._put(mapping)
        pair = (mapping.dps_location_id, mapping.nomis_location_id)
        self.ever.append(pair)
        self.met.setdefault(pair, (self.step(), self.base_of(mapping.dps_location_id)))


def shown_row(row: NomisLocation) -> dict[Field, object]:
    """Project a row; its parent stays named by NOMIS's id."""
    projected: dict[Field, object] = dict(project_nomis(row, None))
    parent = row.parent_location_id
    return projected | {Field.PARENT: (Source.NOMIS, parent) if parent is not None else None}


def _value(row: NomisLocation | None, name: str) -> object:
    return getattr(row, name) if row is not None else None

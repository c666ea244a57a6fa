"""The locations API's sync doors in memory, with the rules that a walk meets there."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from pydantic import JsonValue, ValidationError

from libs.domain.codes import ConvertedCellType, LocationType
from libs.domain.shared import Field, is_holding_cell, kind_in_dps, project_dps, synced_part
from libs.domain.sync import (
    Conflict,
    LocationMirror,
    MigrateLocation,
    MigrateOutcome,
    MigrateResult,
    OwnLocation,
    SyncState,
    SyncWrite,
)
from libs.settling.pair import KEY
from libs.settling.ports import HasChildren, KeyTaken, NotAccepted, RefusedByDps, Stale, Tombstoned

_NAMES = {
    Field.CODE: "code",
    Field.PARENT: "parent_id",
    Field.LOCATION_TYPE: "location_type",
    Field.HOUSING_TYPE: "residential_housing_type",
    Field.LOCAL_NAME: "local_name",
    Field.COMMENTS: "comments",
    Field.ORDER: "order_within_parent_location",
    Field.MAX_CAPACITY: "max_capacity",
    Field.WORKING_CAPACITY: "working_capacity",
    Field.CERTIFIED: "certified",
    Field.CERTIFIED_CAPACITY: "capacity_of_certified_cell",
    Field.ATTRIBUTES: "attributes",
    Field.USAGES: "usages",
    Field.ACTIVE: "active",
    Field.DEACTIVATED_DATE: "deactivated_date",
    Field.DEACTIVATED_REASON: "deactivated_reason",
    Field.PROPOSED_REACTIVATION_DATE: "proposed_reactivation_date",
}


class FakeLocations:
    """Passes `tests.contracts.locations`."""

    def __init__(self) -> None:
        self.locations: dict[UUID, OwnLocation] = {}
        self.states: dict[UUID, SyncState] = {}
        self.tombstones: dict[UUID, int | None] = {}
        self.conflicts: list[tuple[UUID, Conflict]] = []
        self.events: list[tuple[str, UUID, str]] = []

    async def mirror(self, location_id: UUID) -> LocationMirror | None:
        if location_id in self.tombstones:
            raise Tombstoned(str(location_id))
        if location_id not in self.locations:
            return None
        return LocationMirror(location=self.locations[location_id], sync=self.states[location_id])

    async def create(self, location_id: UUID, write: SyncWrite) -> LocationMirror:
        if await self.mirror(location_id) is not None:
            raise Stale
        fields = dict(write.fields)
        own = OwnLocation(
            id=location_id,
            prison_id=write.prison_id,
            path_hierarchy="",
            key="",
            last_modified_by=write.last_updated_by,
            **_own_values(fields),
        )
        self._store(self._placed(_as_met(own)))
        self.states[location_id] = SyncState(version=1, state_version=0)
        self.events.append(("created", location_id, "NOMIS"))
        self._note(location_id, write)
        return self._mirror(location_id)

    async def write(self, location_id: UUID, write: SyncWrite, etag: str) -> LocationMirror:
        mirror = await self.mirror(location_id)
        if mirror is None or mirror.sync.etag != etag:
            raise Stale
        if write.fields:
            self._change(mirror.location, write)
        self._note(location_id, write)
        return self._mirror(location_id)

    async def migrate(self, locations: Sequence[Mapping[str, Any]]) -> list[MigrateOutcome]:
        """Create what is new; order within the batch does not matter to parents."""
        outcomes: dict[UUID, MigrateOutcome] = {}
        waiting = [msgspec.convert(location, MigrateLocation) for location in locations]
        while waiting:
            missing = []
            for location in waiting:
                parent = location.fields["parentId"]
                if parent is not None and UUID(str(parent)) not in self.locations:
                    missing.append(location)
                    continue
                outcomes[location.id] = self._migrate_one(location)
            if len(missing) == len(waiting):
                outcomes |= {m.id: _outcome(m, m.id, MigrateResult.NO_PARENT) for m in missing}
                break
            waiting = missing
        return [outcomes[UUID(str(location["id"]))] for location in locations]

    async def validate(self, locations: Sequence[Mapping[str, Any]]) -> list[MigrateOutcome]:
        """Do it to a copy."""
        rehearsed = FakeLocations()
        rehearsed.locations, rehearsed.states = dict(self.locations), dict(self.states)
        rehearsed.tombstones = dict(self.tombstones)
        return await rehearsed.migrate(locations)

    def _migrate_one(self, location: MigrateLocation) -> MigrateOutcome:
        if location.id in self.locations:
            return _outcome(location, location.id, MigrateResult.EXISTS)
        own = OwnLocation(
            id=location.id,
            prison_id=location.prison_id,
            path_hierarchy="",
            key="",
            last_modified_by=location.last_updated_by,
            **_own_values(dict(location.fields)),
        )
        try:
            self._store(self._placed(_as_met(own)))
        except KeyTaken as taken:
            holder = taken.holder or location.id
            if self.states[holder].nomis_location_id is None:
                return _outcome(location, holder, MigrateResult.ADOPTED)
            return _outcome(location, location.id, MigrateResult.FAILED, "duplicate path")
        self.states[location.id] = SyncState(version=1, state_version=0)
        self._note(
            location.id,
            SyncWrite(
                last_updated_by=location.last_updated_by,
                base_as_stored=True,
                key_agreed=True,
                nomis_location_id=location.nomis_location_id,
                nomis_description=location.nomis_description,
            ),
        )
        return _outcome(location, location.id, MigrateResult.CREATED)

    async def delete(self, location_id: UUID, etag: str) -> None:
        if location_id in self.tombstones or location_id not in self.locations:
            return
        if self.states[location_id].etag != etag:
            raise Stale
        if any(own.parent_id == location_id for own in self.locations.values()):
            raise HasChildren(str(location_id))
        del self.locations[location_id]
        self.tombstones[location_id] = self.states.pop(location_id).nomis_location_id
        self.events.append(("deleted", location_id, "NOMIS"))

    def staff_create(self, own: OwnLocation) -> OwnLocation:
        """Create a location as staff do."""
        placed = self._placed(own)
        self._store(placed)
        self.states[own.id] = SyncState(version=1, state_version=0)
        self.events.append(("created", own.id, "DPS"))
        return placed

    def staff_edit(self, location_id: UUID, **changed: Any) -> None:
        """Change a location as staff do; a change of code renames what is below."""
        own = self.locations[location_id].model_copy(update=changed)
        self._store(self._placed(own))
        self._rename_below(location_id)
        self._bump(location_id, content=True)
        self.events.append(("amended", location_id, "DPS"))

    def set_sync(self, location_id: UUID, **changed: Any) -> None:
        """Change what sync remembers, as an operator's act or a test's arrangement would."""
        self.states[location_id] = self.states[location_id].model_copy(update=changed)

    def _change(self, own: OwnLocation, write: SyncWrite) -> None:
        if own.archived or own.converted_cell_type is not None:
            raise RefusedByDps("107")
        if self.states[own.id].one_way:
            raise RefusedByDps("sync off")
        changed = own.model_copy(update=_own_values(write.fields) | {"last_modified_by": write.last_updated_by})
        self._store(self._placed(changed))
        self._rename_below(own.id)
        self._bump(own.id, content=True)
        self.events.append(("amended", own.id, "NOMIS"))

    def _note(self, location_id: UUID, write: SyncWrite) -> None:
        own = self.locations[location_id]
        base: dict[str, JsonValue] | None = write.base
        if write.base_as_stored:
            base = synced_part(project_dps(own), kind_in_dps(own))
        if base is not None and write.key_agreed:
            base = base | {KEY: own.key}
        update: dict[str, Any] = {}
        if base is not None:
            update["base"] = base
        if write.published is not None:
            update["published"] = write.published
        if write.nomis_location_id is not None:
            update["nomis_location_id"] = write.nomis_location_id
        if write.nomis_description is not None:
            update["nomis_description"] = write.nomis_description
        self.states[location_id] = self.states[location_id].model_copy(update=update)
        for conflict in write.conflicts:
            if (location_id, conflict) not in self.conflicts:
                self.conflicts.append((location_id, conflict))
        self._bump(location_id, content=False)

    def _bump(self, location_id: UUID, *, content: bool) -> None:
        state = self.states[location_id]
        name = "version" if content else "state_version"
        self.states[location_id] = state.model_copy(update={name: getattr(state, name) + 1})

    def _placed(self, own: OwnLocation) -> OwnLocation:
        parent = self.locations.get(own.parent_id) if own.parent_id else None
        path = f"{parent.path_hierarchy}-{own.code}" if parent else own.code
        return own.model_copy(update={"path_hierarchy": path, "key": f"{own.prison_id}-{path}"})

    def _store(self, own: OwnLocation) -> None:
        for other in self.locations.values():
            if other.key == own.key and other.id != own.id:
                raise KeyTaken(f"{own.key} is {other.id}", other.id)
        self.locations[own.id] = own

    def _rename_below(self, location_id: UUID) -> None:
        for child in [own for own in self.locations.values() if own.parent_id == location_id]:
            self.locations[child.id] = self._placed(child)
            self._rename_below(child.id)

    def _mirror(self, location_id: UUID) -> LocationMirror:
        return LocationMirror(location=self.locations[location_id], sync=self.states[location_id])


def _as_met(own: OwnLocation) -> OwnLocation:
    """Convert a holding cell, as DPS does on meeting one."""
    if not is_holding_cell(own.location_type, own.residential_housing_type):
        return own
    converted = {
        "converted_cell_type": ConvertedCellType.HOLDING_ROOM,
        "max_capacity": None,
        "working_capacity": None,
        "certified": False,
    }
    return own.model_copy(update=converted)


def _outcome(asked: MigrateLocation, at: UUID, result: MigrateResult, reason: str | None = None) -> MigrateOutcome:
    return MigrateOutcome(id=at, nomis_location_id=asked.nomis_location_id, result=result, reason=reason)


def _own_values(fields: dict[str, JsonValue]) -> dict[str, Any]:
    """Read wire values into the model's own types, by letting the model parse them."""
    if unknown := fields.keys() - {field.value for field in _NAMES}:
        raise NotAccepted(f"{unknown}: unknown")
    values = {_NAMES[Field(name)]: value for name, value in fields.items()}
    if isinstance(usages := values.get("usages"), list):
        values["usages"] = [
            {"usageType": row[0], "capacity": row[1], "sequence": row[2]} for row in usages if isinstance(row, list)
        ]
    filler = {
        "id": UUID(int=0),
        "prison_id": "XXI",
        "code": "-",
        "path_hierarchy": "-",
        "key": "-",
        "location_type": LocationType.CELL,
    }
    try:
        parsed = OwnLocation.model_validate(filler | values)
    except ValidationError as wrong:
        named = {name: field.value for field, name in _NAMES.items()}
        raise NotAccepted(named[str(wrong.errors()[0]["loc"][0])]) from wrong
    return {name: getattr(parsed, name) for name in values}

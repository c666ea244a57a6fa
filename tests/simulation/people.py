"""What people do to both sides: seeded edits of overlapping locations, each one transaction, each noted field by field.

Values of free text and order are never used twice, so that the judge can tell whose edit survived.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from typing import Any
from uuid import UUID

from libs.domain.attributes import Attribute
from libs.domain.codes import ConvertedCellType, DeactivatedReason, LocationType, UsageType
from libs.domain.events import Source
from libs.domain.identity import dps_id_for, is_vsip_room
from libs.domain.nomis import NomisLocation, NomisLocationId, NomisUsage, Profile
from libs.domain.shared import SYNCED, Field, Kind, kind_in_dps, kind_of
from libs.domain.sync import Usage
from libs.settling.gap import BESIDE, EARLIER
from libs.settling.keys import KEY
from libs.settling.ports import KeyTaken, NomisKeyTaken, ParentGone, ParentRefused
from services.locations.records import LocationRow
from tests.fakes.fake_nomis import API_USER, DPS_MODULE
from tests.libs.domain.rows import dps_cell, nomis_cell
from tests.simulation.sides import Edit
from tests.simulation.world import World

PRISON = "NWI"
CODES = ("001", "002", "003", "004", "005", "006")
LANDINGS = ("1", "2", "3")
REASONS = tuple("ABCDEFGHIJKL")
PROFILES = (
    ("HOU_UNIT_ATT", "SO"),
    ("HOU_UNIT_ATT", "DO"),
    ("HOU_SANI_FIT", "SCB"),
    ("HOU_USED_FOR", "5"),
    ("NON_ASSO_TYP", "WING"),
    ("SUP_LVL_TYPE", "N/A"),
)
ATTRIBUTES = (Attribute.SINGLE_OCCUPANCY, Attribute.DOUBLE_OCCUPANCY, Attribute.STANDARD_CELL_BELL, Attribute.CAT_B)
Act = Callable[[], bool]


@dataclass(slots=True)
class People:
    """Makes edits; `journal` has them all. An act that does not apply says so and nothing happened."""

    world: World
    journal: list[Edit] = field(default_factory=list)
    buried: set[UUID] = field(default_factory=set)
    brought: set[object] = field(default_factory=set)
    """What inserted rows brought along."""
    made: int = 0
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def act(self) -> None:
        """Make one edit on one of the sides."""
        chance = self.world.scheduler.chance
        while True:
            acts = self._staff() if chance.random() < 0.5 else self._screens()
            name, act = chance.choice(acts)
            with suppress(KeyTaken, NomisKeyTaken, ParentRefused, ParentGone, IndexError):
                before = self._seen()
                if act():
                    self.made += 1
                    self.world.scheduler.tell(f"EDIT {name}")
                    self._note(before)
                    return

    def give_another_code(self, row: NomisLocation) -> None:
        """End by hand what two rows share."""
        before = self._seen()
        code = f"D{row.location_id % 10_000}"
        self.world.nomis.screen_edit(row.location_id, location_code=code, description=f"{PRISON}-{code}")
        self.world.scheduler.tell(f"a person gives {row.location_id} the code {code}")
        self._note(before)

    # --- noting ---

    def _seen(self) -> dict[tuple[Source, Any], dict[Field, object]]:
        world = self.world
        dps: dict[tuple[Source, Any], dict[Field, object]] = {
            (Source.DPS, i): world.locations.shown(i) for i in world.locations.rows
        }
        return dps | {(Source.NOMIS, i): world.nomis.shown(i) for i in world.nomis.rows}

    def _note(self, before: dict[tuple[Source, Any], dict[Field, object]]) -> None:
        after = self._seen()
        for (side, who), fields in after.items():
            old = before.get((side, who))
            if old is None or old == fields:
                continue
            synced = SYNCED[self._kind(side, who)]
            changed = [f for f in Field if f in synced and old[f] != fields[f]]
            for each in changed:
                undoes = self._undoes(side, who, each, fields[each])
                self.journal.append(Edit(self.world.scheduler.steps, side, who, each, old[each], fields[each], undoes))
                told = f"{side} {self._name(side, who)} {who}: {each} {old[each]!r} -> {fields[each]!r}"
                self.world.scheduler.tell(f"     {told}")

    def _undoes(self, side: Source, who: Any, edited: Field, new: object) -> bool:
        """Whether it sets the field to what was agreed on."""
        links = self.world.mappings
        link = links.by_nomis.get(who) if side is Source.NOMIS else None
        here = who if side is Source.DPS else link.dps_location_id if link else dps_id_for(who)
        state = self.world.locations.states.get(here)
        base = (state.base if state else None) or {}
        if isinstance(new, tuple):
            above = links.by_nomis.get(new[1]) if side is Source.NOMIS else None
            new = str(above.dps_location_id) if above else str(new[1])
        # Of what lies beside the row it is known, or recorded as in doubt, that a screen brought it again.
        past = None if side is Source.NOMIS and edited in BESIDE else base.get(EARLIER)
        earlier = past.get(edited.value) if isinstance(past, dict) else None
        return (edited.value in base and base[edited.value] == new) or (isinstance(earlier, list) and new in earlier)

    def _name(self, side: Source, who: Any) -> str:
        return self.world.locations.rows[who].key if side is Source.DPS else self.world.nomis.rows[who].description

    def _kind(self, side: Source, who: Any) -> Kind:
        if side is Source.DPS:
            return kind_in_dps(self.world.locations.rows[who].own())
        shown = self.world.nomis.shown(who)
        location_type, housing = shown[Field.LOCATION_TYPE], shown[Field.HOUSING_TYPE]
        return kind_of(str(location_type), None if housing is None else str(housing))

    # --- choosing ---

    def _any(self, of: "list[Any]") -> Any:
        if not of:
            raise IndexError
        return self.world.scheduler.chance.choice(of)

    def _chance(self) -> Any:
        return self.world.scheduler.chance

    def _locations(self, *types: LocationType) -> list[LocationRow]:
        return [r for r in self.world.locations.rows.values() if not types or r.location_type in types]

    def _cells(self) -> list[LocationRow]:
        return [r for r in self._locations(LocationType.CELL) if not r.archived and r.converted_cell_type is None]

    def _rows(self, *types: str) -> list[NomisLocation]:
        return [r for r in self.world.nomis.rows.values() if not types or r.location_type in types]

    def _free_rows(self, *types: str) -> list[NomisLocation]:
        """Rows that people rename, move or delete: not those that DPS made and has not linked (ADR 0007)."""
        linked = self.world.mappings.by_nomis
        return [r for r in self._rows(*types) if r.create_username != API_USER or r.location_id in linked]

    # --- staff ---

    def _staff(self) -> list[tuple[str, Act]]:
        return [
            ("staff name", self._staff_text("local_name")),
            ("staff comment", self._staff_text("comments")),
            ("staff order", self._staff_text("order_within_parent_location")),
            ("staff capacity", self._staff_capacity),
            ("staff certification", self._staff_certification),
            ("staff attributes", self._staff_attributes),
            ("staff usage", self._staff_usage),
            ("staff rename", self._staff_rename),
            ("staff rename a landing", self._staff_rename_landing),
            ("staff swap codes", self._staff_swap),
            ("staff move", self._staff_move),
            ("staff close", self._staff_close),
            ("staff reopen", self._staff_reopen),
            ("staff create", self._staff_create),
            ("staff convert", self._staff_convert),
            ("staff archive", self._staff_archive),
            ("a client deletes in DPS", self._client_deletes),
        ]

    def _staff_text(self, name: str) -> Act:
        def act() -> bool:
            number = next(self._numbers)
            long = "x" * (number % 3 * 30)
            value: Any = number if name == "order_within_parent_location" else f"{name} {number} {long}"
            row = self._any([r for r in self._locations() if not r.archived])
            self.world.locations.staff_edit(row.id, **{name: value})
            return True

        return act

    def _staff_capacity(self) -> bool:
        number = next(self._numbers)
        self.world.locations.staff_edit(self._any(self._cells()).id, max_capacity=number, working_capacity=number % 5)
        return True

    def _staff_certification(self) -> bool:
        cell = self._any(self._cells())
        number = next(self._numbers)
        self.world.locations.staff_edit(cell.id, certified=not cell.certified, capacity_of_certified_cell=number)
        return True

    def _staff_attributes(self) -> bool:
        some = tuple(sorted(self._chance().sample(ATTRIBUTES, self._chance().randint(0, 3))))
        self.world.locations.staff_edit(self._any(self._cells()).id, attributes=some)
        return True

    def _staff_usage(self) -> bool:
        room = self._any(self._locations(LocationType.CLASSROOM))
        usages = (Usage(usage_type=UsageType.OTHER, capacity=next(self._numbers), sequence=1),)
        self.world.locations.staff_edit(room.id, usages=usages)
        return True

    def _staff_rename(self) -> bool:
        self.world.locations.staff_edit(self._any(self._cells()).id, code=self._any([*CODES]))
        return True

    def _staff_rename_landing(self) -> bool:
        landing = self._any(self._locations(LocationType.LANDING))
        self.world.locations.staff_edit(landing.id, code=self._any([*LANDINGS]))
        return True

    def _staff_swap(self) -> bool:
        one = self._any([r for r in self._cells() if not r.code.startswith("~")])
        siblings = [r for r in self._cells() if r.parent_id == one.parent_id and not r.code.startswith("~")]
        other = self._any([r for r in siblings if r.id != one.id])
        edit = self.world.locations.staff_edit
        for who, code in ((one.id, "TMP"), (other.id, one.code), (one.id, other.code)):
            edit(who, code=code)
        return True

    def _staff_move(self) -> bool:
        cell = self._any(self._cells())
        new = self._any([r for r in self._locations(LocationType.LANDING) if r.id != cell.parent_id and not r.archived])
        self.world.locations.staff_edit(cell.id, parent_id=new.id)
        return True

    def _staff_close(self) -> bool:
        top = self._any([r for r in self._locations() if r.active and not r.archived])
        reason = self._any(list(DeactivatedReason))
        closing = [r for r in self.world.locations.all_below(top.id) if r.active and r.converted_cell_type is None]
        for row in [*reversed(closing), top]:
            self.world.locations.staff_edit(
                row.id, active=False, deactivated_reason=reason, deactivated_date=self.world.clock.local()
            )
        return True

    def _staff_reopen(self) -> bool:
        row = self._any([r for r in self._locations() if not r.active and not r.archived])
        self.world.locations.staff_edit(row.id, active=True)
        return True

    def _staff_create(self) -> bool:
        landing = self._any([r for r in self._locations(LocationType.LANDING) if not r.archived])
        number = next(self._numbers)
        own = dps_cell(
            id=UUID(int=self._chance().getrandbits(128), version=4),
            parent_id=landing.id,
            code=self._any([*CODES]),
            comments=f"made {number}",
            attributes=(),
            order_within_parent_location=number,
        )
        self.world.locations.staff_create(own)
        return True

    def _staff_convert(self) -> bool:
        cell = self._any(self._cells())
        emptied: dict[str, Any] = {"max_capacity": None, "working_capacity": None, "certified": False}
        self.world.locations.staff_edit(cell.id, converted_cell_type=ConvertedCellType.OFFICE, **emptied)
        return True

    def _staff_archive(self) -> bool:
        if self._chance().random() < 0.5:
            return False
        cell = self._any(self._cells())
        emptied: dict[str, Any] = {"max_capacity": 0, "working_capacity": 0, "certified": False}
        at = self.world.clock.local()
        self.world.locations.staff_edit(cell.id, active=False, archived=True, deactivated_date=at, **emptied)
        return True

    def _client_deletes(self) -> bool:
        if self._chance().random() < 0.5:
            return False
        # Not one that is just being created in NOMIS again (ADR 0007, Not covered).
        states, linked = self.world.locations.states, self.world.mappings.by_dps
        cell = self._any([r for r in self._cells() if r.id in linked and KEY not in states[r.id].published])
        self.world.locations.bury(cell.id)
        self.buried.add(cell.id)
        return True

    # --- screens ---

    def _screens(self) -> list[tuple[str, Act]]:
        return [
            ("screen name", self._screen_text("user_description")),
            ("screen comment", self._screen_text("comment")),
            ("screen order", self._screen_text("list_sequence")),
            ("screen capacity", self._screen_capacity),
            ("screen certification", self._screen_certification),
            ("screen profiles", self._screen_profiles),
            ("screen usage", self._screen_usage),
            ("screen unit", self._screen_unit),
            ("screen rename", self._screen_rename),
            ("screen rename of the code alone", self._screen_code),
            ("screen swap codes", self._screen_swap),
            ("screen move", self._screen_move),
            ("screen close", self._screen_close),
            ("screen reopen", self._screen_reopen),
            ("screen insert", self._screen_insert),
            ("the visits service inserts a room", self._visit_room),
            ("screen delete", self._screen_delete),
            ("screen delete and make again", self._screen_replace),
            ("another service writes as DPS", self._as_dps),
        ]

    def _edit(self, row: NomisLocation, **changed: Any) -> bool:
        self.world.nomis.screen_edit(row.location_id, **changed)
        return True

    def _screen_text(self, name: str) -> Act:
        def act() -> bool:
            number = next(self._numbers)
            value: Any = number if name == "list_sequence" else f"{name} {number}"
            return self._edit(self._any(self._rows()), **{name: value})

        return act

    def _screen_capacity(self) -> bool:
        number = next(self._numbers)
        return self._edit(self._any(self._rows()), capacity=number, operational_capacity=number % 5)

    def _screen_certification(self) -> bool:
        row = self._any(self._rows("CELL"))
        return self._edit(row, certified=not row.certified, cna_capacity=next(self._numbers))

    def _screen_profiles(self) -> bool:
        some = self._chance().sample(PROFILES, self._chance().randint(0, 4))
        made = tuple(Profile(profile_type=t, profile_code=c) for t, c in some)
        return self._edit(self._any(self._rows("CELL")), profiles=made)

    def _screen_usage(self) -> bool:
        usage = NomisUsage(internal_location_usage_type="OTH", capacity=next(self._numbers), sequence=1)
        return self._edit(self._any(self._rows("CLAS")), usages=(usage,))

    def _screen_unit(self) -> bool:
        return self._edit(self._any(self._rows("CELL")), unit_type=self._any(["NA", "SEG", "HC", "REC"]))

    def _screen_rename(self) -> bool:
        row = self._any(self._free_rows("CELL", "LAND"))
        code = self._any([*(CODES if row.location_type == "CELL" else LANDINGS)])
        return self._edit(row, location_code=code, description=self._described(row.parent_location_id, code))

    def _screen_code(self) -> bool:
        return self._edit(self._any(self._free_rows("CELL")), location_code=self._any([*CODES]))

    def _screen_swap(self) -> bool:
        one = self._any(self._free_rows("CELL"))
        siblings = [r for r in self._free_rows("CELL") if r.parent_location_id == one.parent_location_id]
        other = self._any([r for r in siblings if r.location_id != one.location_id])
        self._edit(one, location_code="TMP", description=f"{PRISON}-TMP-{one.location_id}")
        self._edit(other, location_code=one.location_code, description=one.description)
        return self._edit(one, location_code=other.location_code, description=other.description)

    def _screen_move(self) -> bool:
        row = self._any(self._free_rows("CELL"))
        new = self._any([r for r in self._rows("LAND") if r.location_id != row.parent_location_id])
        described = self._described(new.location_id, row.location_code)
        if self._chance().random() < 0.5:
            described = row.description
        return self._edit(row, parent_location_id=new.location_id, description=described)

    def _screen_close(self) -> bool:
        row = self._any([r for r in self._rows() if r.active])
        return self._edit(row, active=False, deactivate_date=date(2026, 11, 2), reason_code=self._any([*REASONS]))

    def _screen_reopen(self) -> bool:
        row = self._any([r for r in self._rows() if not r.active])
        return self._edit(row, active=True, deactivate_date=None, reason_code=None, reactivate_date=None)

    def _screen_insert(self) -> bool:
        landing = self._any(self._rows("LAND"))
        code = self._any([*CODES])
        self._insert(landing.location_id, code, self._described(landing.location_id, code))
        return True

    def _insert(self, parent: NomisLocationId | None, code: str, description: str) -> None:
        number = next(self._numbers)
        self.brought |= {number, f"inserted {number}", code}
        self.world.nomis.screen_insert(
            nomis_cell(
                parent_location_id=parent,
                location_code=code,
                description=description,
                comment=f"inserted {number}",
                list_sequence=number,
            )
        )

    def _visit_room(self) -> bool:
        """Only where a prison may be one way: rooms are taken all the same."""
        if self.world.one_way_since is None:
            return False
        wing = self._any(self._rows("WING"))
        if any(is_vsip_room(row.description) for row in self._rows()):
            return False
        self.world.nomis.screen_insert(
            nomis_cell(
                parent_location_id=wing.location_id,
                location_code="VSIP_SOC",
                location_type="VISIT",
                unit_type=None,
                profiles=(),
                description=f"{PRISON}-VISITS-VSIP_SOC",
                create_username=API_USER,
                list_sequence=next(self._numbers),
            )
        )
        return True

    def _screen_delete(self) -> bool:
        self.world.nomis.screen_delete(self._any(self._leaves()).location_id)
        return True

    def _screen_replace(self) -> bool:
        row = self._any(self._leaves())
        self.world.nomis.screen_delete(row.location_id)
        self._insert(row.parent_location_id, row.location_code, row.description)
        return True

    def _leaves(self) -> list[NomisLocation]:
        parents = {r.parent_location_id for r in self._rows()}
        return [r for r in self._free_rows("CELL", "LAND") if r.location_id not in parents]

    def _as_dps(self) -> bool:
        row = self._any(self._rows("CELL"))
        number = next(self._numbers)
        return self._edit(row, comment=f"as DPS {number}", capacity=number, module=DPS_MODULE)

    def _described(self, parent: NomisLocationId | None, code: str) -> str:
        above = self.world.nomis.rows[parent].description if parent is not None else PRISON
        return f"{above}-{code}"

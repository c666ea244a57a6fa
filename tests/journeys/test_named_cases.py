"""Cases that people asked about by name, on the running estate: edited on both sides while the workers are frozen.

Each has a wing of its own, so all are edited before the workers wake, and each is judged by itself. What both sides
hold is read by SQL (`tests/chaos/equality.py`). Words in braces stand for ids of the wing's locations, `{w}` for its
letter.
"""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

from infra.local.demo.desk import Desk, NotSeen, seen
from libs.domain.identity import dps_id_for
from libs.domain.sync import SyncWrite
from tests.chaos.equality import Both, Difference, differences, read
from tests.journeys.conftest import House

# On an estate as slow as a laptop it takes a minute; `make test-long`.
pytestmark = pytest.mark.long
PRISON = "NCI"
WORKERS = ("to_nomis", "from_nomis")
SECONDS = 90.0
# The name of a location in a case, and its path below the wing.
PLACES = MappingProxyType(
    {
        "wing": "",
        "landing": "-1",
        "other_landing": "-2",
        "cell": "-1-001",
        "neighbour": "-1-002",
        "cell_elsewhere": "-2-001",
        "room": "-R",
    }
)
BUILT = """
INSERT INTO agency_internal_locations (agy_loc_id, internal_location_code, internal_location_type, description,
    parent_internal_location_id, capacity, operation_capacity, cna_no, certified_flag, unit_type, list_seq)
VALUES ($1, $2, $3, $4, $5, $6, 1, 1, $7, $8, 1) RETURNING internal_location_id
"""


@dataclass(frozen=True)
class Ask:
    """What staff ask of the locations API."""

    method: str
    path: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """What is there, what is done on each side before anybody looks, and where it must end on both sides.

    `ends` has shared fields of locations by path, None for what must be on neither side; `keeps` and `whole` have
    columns of NOMIS and of DPS; `same` says which location must be at a path, `gone` which must be deleted, `conflicts`
    which fields must be on record.
    """

    name: str
    built: tuple[str, ...] = ()
    first: tuple[Ask, ...] = ()
    staff: tuple[Ask, ...] = ()
    screens: tuple[str, ...] = ()
    # What NOMIS once gave to DPS and no member of staff can write: by place.
    imported: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    link_lost: str | None = None
    ends: Mapping[str, Mapping[str, str] | None] = field(default_factory=dict)
    keeps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    whole: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    same: Mapping[str, str] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    conflicts: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.name


def sets(place: str, assignments: str) -> str:
    """Write an edit of a screen."""
    return f"UPDATE agency_internal_locations SET {assignments} WHERE internal_location_id = {{{place}}}"


def recoded(place: str, path: str, more: str = "") -> str:
    """Write a screen's change of a code, as NOMIS has it: the description follows."""
    code = path.rsplit("-", 1)[1]
    return sets(place, f"internal_location_code = '{code}', description = '{PRISON}-{{w}}{path}'{more}")


def inserted(path: str, parent: str, comment: str) -> str:
    """Write a cell that a screen makes."""
    return (
        "INSERT INTO agency_internal_locations (agy_loc_id, internal_location_code, internal_location_type,"
        " description, parent_internal_location_id, capacity, operation_capacity, cna_no, certified_flag, unit_type,"
        f" comment_text) VALUES ('{PRISON}', '{path.rsplit('-', 1)[1]}', 'CELL', '{PRISON}-{{w}}{path}',"
        f" {{{parent}}}, 2, 1, 1, 'Y', 'NA', '{comment}')"
    )


def deleted(place: str) -> str:
    """Write what an administrator does: NOMIS's API and screens have no such thing."""
    return f"DELETE FROM agency_internal_locations WHERE internal_location_id = {{{place}}}"


def sized(place: str, maximum: int) -> Ask:
    """Have staff size a cell."""
    return Ask("PUT", f"/locations/{{{place}}}/capacity", {"maxCapacity": maximum, "workingCapacity": 1})


def named(place: str, name: str) -> Ask:
    """Have staff name a wing, a landing or a room."""
    return Ask("PUT", f"/locations/{{{place}}}/change-local-name", {"localName": name})


def patched(place: str, kind: str = "residential", **body: Any) -> Ask:
    """Have staff move, rename or re-use a location."""
    return Ask("PATCH", f"/locations/{kind}/{{{place}}}", body)


CODE, OTHER = "-1-001", "-1-002"
REASONS = MappingProxyType(
    dict.fromkeys("ABCEFKL", "OTHER")
    | {"D": "REFURBISHMENT", "G": "MAINTENANCE", "H": "STAFF_SHORTAGE", "I": "MOTHBALLED", "J": "DAMAGED"}
)
USED = f"""
INSERT INTO int_loc_usage_locations (internal_location_usage_id, internal_location_id, capacity, list_seq)
SELECT internal_location_usage_id, {{room}}, 3, 1 FROM internal_location_usages WHERE agy_loc_id = '{PRISON}'
"""
# The cells whose comment is their reason.
CLOSED = """
UPDATE agency_internal_locations
   SET active_flag = 'N', deactivate_date = CURRENT_DATE, deactivate_reason_code = comment_text
 WHERE parent_internal_location_id = {landing} AND internal_location_code LIKE 'R%'
"""
USES = """
SELECT string_agg(u.internal_location_usage || ':' || l.capacity, ',')
  FROM int_loc_usage_locations l JOIN internal_location_usages u USING (internal_location_usage_id)
 WHERE l.internal_location_id = $1
"""
CASES = (
    Case(
        "a row deleted by hand while DPS edits it is made again",
        staff=(sized("cell", 4),),
        screens=(deleted("cell"),),
        ends={CODE: {"max_capacity": "4"}},
        same={CODE: "cell"},
        conflicts=frozenset({"deleted"}),
    ),
    Case(
        "a row deleted by hand that nobody edits goes",
        screens=(deleted("cell"),),
        ends={CODE: None},
        gone=("cell",),
    ),
    Case(
        "a row deleted before its create event is handled leaves nothing",
        screens=(
            inserted("-1-009", "landing", "short-lived"),
            f"DELETE FROM agency_internal_locations WHERE description = '{PRISON}-{{w}}-1-009'",
        ),
        ends={"-1-009": None},
    ),
    Case(
        "a row deleted and made again under the same key is another location",
        screens=(deleted("cell"), inserted(CODE, "landing", "made again")),
        ends={CODE: {"comments": "made again"}},
        gone=("cell",),
    ),
    Case(
        "an archived location edited in NOMIS is put back",
        first=(Ask("PUT", "/locations/{cell}/deactivate/permanent", {"reason": "demolished"}),),
        screens=(sets("cell", "active_flag = 'Y', deactivate_date = NULL, deactivate_reason_code = NULL"),),
        ends={CODE: {"active": "false"}},
        same={CODE: "cell"},
        conflicts=frozenset({"active", "deactivatedDate", "deactivatedReason"}),
    ),
    Case(
        "a converted cell edited in NOMIS is put back",
        first=(Ask("PUT", "/locations/{cell}/convert-cell-to-non-res-cell", {"convertedCellType": "OFFICE"}),),
        screens=(sets("cell", "comment_text = 'theirs'"),),
        ends={CODE: {"comments": ""}},
        same={CODE: "cell"},
        conflicts=frozenset({"comments"}),
    ),
    Case(
        "a row moved to another parent moves in DPS",
        screens=(recoded("cell", "-2-009", ", parent_internal_location_id = {other_landing}"),),
        staff=(sized("cell", 4),),
        ends={"-2-009": {"max_capacity": "4"}, CODE: None},
        same={"-2-009": "cell"},
    ),
    Case(
        "of two moves that are legal alone and a circle together, NOMIS's is put back",
        staff=(patched("landing", parentId="{other_landing}"),),
        screens=(sets("other_landing", "parent_internal_location_id = {landing}"),),
        ends={"-2": {}, "-2-1": {}, "-2-1-001": {}},
        same={"-2": "other_landing", "-2-1": "landing", "-2-1-001": "cell"},
        conflicts=frozenset({"parentId"}),
    ),
    Case(
        "of a code renamed on both sides DPS's stays",
        staff=(patched("cell", code="008"),),
        screens=(recoded("cell", "-1-009"),),
        ends={"-1-008": {"code": "008"}, "-1-009": None},
        same={"-1-008": "cell"},
        conflicts=frozenset({"code", "description"}),
    ),
    Case(
        "two cells that swap codes in DPS swap in NOMIS",
        staff=(patched("cell", code="TMP"), patched("neighbour", code="001"), patched("cell", code="002")),
        ends={CODE: {}, OTHER: {}},
        same={CODE: "neighbour", OTHER: "cell"},
    ),
    Case(
        "two rows that swap codes in NOMIS swap in DPS",
        screens=(recoded("cell", "-1-TMP"), recoded("neighbour", CODE), recoded("cell", OTHER)),
        ends={CODE: {}, OTHER: {}},
        same={CODE: "neighbour", OTHER: "cell"},
    ),
    Case(
        "a whole wing is renamed while its cells are edited on both sides",
        staff=(patched("wing", code="{w}X"), sized("cell", 4)),
        screens=(sets("cell", "comment_text = 'theirs'"), sets("neighbour", "capacity = 5")),
        ends={
            "X": {},
            "X-1-001": {"max_capacity": "4", "comments": "theirs"},
            "X-1-002": {"max_capacity": "5"},
            "X-2-001": {},
            CODE: None,
        },
        same={"X": "wing", "X-1-001": "cell", "X-1-002": "neighbour", "X-2-001": "cell_elsewhere"},
    ),
    Case(
        "an active child under an inactive parent stays active",
        staff=(sized("cell", 4),),
        screens=(sets("landing", "active_flag = 'N', deactivate_date = CURRENT_DATE, deactivate_reason_code = 'D'"),),
        ends={
            "-1": {"active": "false", "reason": "REFURBISHMENT"},
            CODE: {"active": "true", "max_capacity": "4"},
            OTHER: {"active": "true"},
        },
    ),
    Case(
        "a create whose mapping was lost and whose key then changed is adopted",
        first=(
            Ask(
                "POST",
                "/locations/residential",
                {
                    "prisonId": PRISON,
                    "code": "005",
                    "locationType": "CELL",
                    "accommodationType": "NORMAL_ACCOMMODATION",
                    "capacity": {"maxCapacity": 2, "workingCapacity": 1},
                    "certified": True,
                    "parentId": "{landing}",
                },
            ),
        ),
        link_lost="made",
        staff=(patched("made", code="006"),),
        ends={"-1-006": {"max_capacity": "2"}, "-1-005": None},
        same={"-1-006": "made"},
    ),
    Case(
        "totals of wings and capacity of rooms are NOMIS's own",
        staff=(named("wing", "Ours"), named("room", "Ours")),
        screens=(sets("wing", "capacity = 400, cna_no = 300"), sets("room", "capacity = 40")),
        ends={"": {"local_name": "Ours"}, "-R": {"local_name": "Ours"}},
        keeps={"": {"capacity": 400, "cna_no": 300}, "-R": {"capacity": 40}},
        whole={"": {"max_capacity": None}, "-R": {"max_capacity": None}},
    ),
    Case(
        "long names and comments are cut for NOMIS and stay whole in DPS",
        imported={"landing": {"localName": "n" * 80, "comments": "c" * 255}},
        staff=(patched("landing", code="7"),),
        screens=(sets("landing", "list_seq = 9"), sets("cell", f"comment_text = '{'t' * 240}'")),
        ends={
            "-7": {"local_name": "n" * 40, "comments": "c" * 240, "sequence": "9"},
            "-7-001": {"comments": "t" * 240},
        },
        whole={"-7": {"local_name": "n" * 80, "comments": "c" * 255}},
    ),
    Case(
        "BLK, TIER and OTH stay as NOMIS has them",
        built=(
            sets("wing", "internal_location_type = 'BLK'"),
            sets("landing", "internal_location_type = 'TIER'"),
            USED,
        ),
        staff=(
            named("wing", "Ours"),
            named("landing", "Ours"),
            patched("room", "non-residential", usage=[{"usageType": "OTHER", "capacity": 5, "sequence": 1}]),
        ),
        ends={
            "": {"type": "WING", "local_name": "Ours"},
            "-1": {"type": "LANDING", "local_name": "Ours"},
            "-R": {"usages": "OTHER:5:1"},
        },
        keeps={
            "": {"internal_location_type": "BLK"},
            "-1": {"internal_location_type": "TIER"},
            "-R": {"usages": "OTH:5"},
        },
    ),
    Case(
        "reasons A to L stay as NOMIS has them",
        built=(
            *(inserted(f"-1-R{letter}", "landing", letter) for letter in REASONS),
            CLOSED,
        ),
        staff=(patched("landing", code="9"),),
        ends={f"-9-R{letter}": {"active": "false", "reason": reason} for letter, reason in REASONS.items()},
        keeps={f"-9-R{letter}": {"deactivate_reason_code": letter} for letter in REASONS},
    ),
)


@dataclass
class Wing:
    """One case at work."""

    case: Case
    letter: str
    desk: Desk
    rows: dict[str, int] = field(default_factory=dict)
    ids: dict[str, UUID] = field(default_factory=dict)

    async def build(self) -> None:
        """Make it in NOMIS, silently as the generator of estates does."""
        for place, path in PLACES.items():
            code = path.rsplit("-", 1)[1] if path else self.letter
            above = None if not path else f"{PRISON}-{self.letter}{path.rsplit('-', 1)[0]}"
            kind = {0: "WING", 1: "LAND", 2: "CELL"}[path.count("-")] if place != "room" else "CLAS"
            parent = next((self.rows[each] for each in self.rows if self._key(PLACES[each]) == above), None)
            given = (PRISON, code, kind, self._key(path), parent, 2, "Y" if kind == "CELL" else "N")
            unit = None if place == "room" else "NA"
            row = await self.desk.nomis_database.fetchval(BUILT, *given, unit)
            self.rows[place], self.ids[place] = row, dps_id_for(row)
        for sql in self.case.built:
            await self.desk.nomis_database.execute(self._told(sql, self.rows))

    async def prepare(self) -> None:
        """Have staff do what must have reached NOMIS before the workers are frozen."""
        for ask in self.case.first:
            answer = await self._ask(ask)
            if ask.method == "POST":
                self.ids["made"] = UUID(answer["id"])

    async def edit(self) -> None:
        """Edit on both sides."""
        if self.case.link_lost is not None:
            row = await self.desk.nomis_id(self.ids[self.case.link_lost])
            assert row is not None
            await self.desk.mappings.remove_row(row)
        for place, fields in self.case.imported.items():
            there = await self.desk.locations.mirror(self.ids[place])
            assert there is not None
            write = SyncWrite(last_updated_by="NOMIS", fields=dict(fields))
            await self.desk.locations.write(self.ids[place], write, there.sync.etag)
        for ask in self.case.staff:
            await self._ask(ask)
        for sql in self.case.screens:
            await self.desk.screen(self._told(sql, self.rows))

    async def judge(self, both: Both) -> None:
        """Compare with what the case says."""
        nomis_of = {dps_id: row for row, dps_id in both.dps_of.items()}
        by_key = await self._by_key()
        for path, fields in self.case.ends.items():
            dps_id = by_key.get(self._key(path))
            assert (dps_id is None) is (fields is None), f"{self._key(path)} is {dps_id}"
            if dps_id is not None and fields is not None:
                row = both.nomis[nomis_of[str(dps_id)]]
                assert {name: both.dps[str(dps_id)][name] for name in fields} == fields
                assert {name: row[name] for name in fields} == fields
                assert await self._column("description", row["id"]) == self._key(path)
        for path, columns in self.case.keeps.items():
            row_id = nomis_of[str(by_key[self._key(path)])]
            assert {name: await self._column(name, row_id) for name in columns} == columns
        for path, fields in self.case.whole.items():
            own = await self.desk.locations_database.fetchrow(
                "SELECT * FROM location WHERE id = $1", by_key[self._key(path)]
            )
            assert own is not None
            assert {name: own[name] for name in fields} == fields
        assert {path: by_key[self._key(path)] for path in self.case.same} == {
            path: self.ids[place] for path, place in self.case.same.items()
        }
        assert {str(self.ids[place]) for place in self.case.gone} <= both.tombstones
        assert await self._conflicts() == self.case.conflicts

    def _key(self, path: str) -> str:
        return f"{PRISON}-{self.letter}{path}"

    def _told(self, text: str, ids: Mapping[str, Any]) -> str:
        return text.format_map({**ids, "w": self.letter})

    def _filled(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: self._filled(each) for name, each in value.items()}
        return self._told(value, self.ids) if isinstance(value, str) else value

    async def _ask(self, ask: Ask) -> Any:
        path, body = self._told(ask.path, self.ids), self._filled(ask.body)
        return (await self.desk.staff.request(ask.method, path, json=body, ok=(200, 201))).json()

    async def _by_key(self) -> dict[str, UUID]:
        rows = await self.desk.locations_database.fetch(
            "SELECT prison_id || '-' || path_hierarchy AS key, id FROM location WHERE prison_id = $1", PRISON
        )
        return {row["key"]: row["id"] for row in rows}

    async def _column(self, name: str, row_id: int) -> Any:
        if name == "usages":
            return await self.desk.nomis_database.fetchval(USES, row_id)
        row = await self.desk.nomis_database.fetchrow(
            "SELECT * FROM agency_internal_locations WHERE internal_location_id = $1", row_id
        )
        assert row is not None
        return row[name]

    async def _conflicts(self) -> set[str]:
        rows = await self.desk.locations_database.fetch(
            "SELECT DISTINCT field FROM conflict WHERE key LIKE $1", f"{PRISON}-{self.letter}%"
        )
        return {row["field"] for row in rows}


@contextmanager
def frozen(house: House) -> Iterator[None]:
    """Let no worker take a step."""
    for name in WORKERS:
        house.estate.kill(name, signal.SIGSTOP)
    try:
        yield
    finally:
        for name in WORKERS:
            house.estate.kill(name, signal.SIGCONT)


async def compared(house: House) -> tuple[Both, list[Difference]]:
    """Read both sides, and what differs in the prison."""
    both = await read({name: found["dsn"] for name, found in house.estate.endpoints["databases"].items()})
    rows = {row_id for row_id, row in both.nomis.items() if row["prison"] == PRISON}
    ids = {dps_id for dps_id, own in both.dps.items() if own["prison"] == PRISON}
    return both, [each for each in differences(both) if each.nomis_id in rows or each.dps_id in ids]


async def settled(house: House) -> Both:
    """Wait until both sides are equal and nothing is on its way; nothing may be dead."""

    async def over() -> Both | None:
        waiting = await house.desk.locations_database.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL")
        ready = await house.desk.nomis_database.fetchval("SELECT count(*) FROM xtag_listener_tab WHERE state = 'ready'")
        if waiting or ready or sum((await house.desk.depths()).values()):
            return None
        both, found = await compared(house)
        return None if found else both

    return await seen(over, "both sides equal and no message left", SECONDS)


@pytest.fixture(scope="module")
async def edited(house: House) -> Mapping[str, Wing]:
    """Every case, migrated, edited on both sides and settled; those that could not be are judged all the same."""
    desk = house.desk
    wings = {case.name: Wing(case, chr(ord("A") + number), desk) for number, case in enumerate(CASES)}
    async with desk.nomis_database.transaction():
        await desk.nomis_database.execute("SELECT set_config('nomis.audit_module_name', 'MERGE', true)")
        await desk.nomis_database.execute(
            "INSERT INTO agency_locations (agy_loc_id, description, agency_location_type) VALUES ($1, $1, 'INST')",
            PRISON,
        )
        await desk.nomis_database.execute(
            "INSERT INTO internal_location_usages (agy_loc_id, internal_location_usage) VALUES ($1, 'OTH')", PRISON
        )
        for wing in wings.values():
            await wing.build()
    await migrated(house)
    for wing in wings.values():
        await wing.prepare()
    await settled(house)
    with frozen(house):
        for wing in wings.values():
            await wing.edit()
    return wings


async def migrated(house: House) -> None:
    """Migrate the prison."""
    started = await house.desk.operator.request("POST", "/migrate/locations", json={"prisonIds": [PRISON]}, ok=(202,))
    path = f"/migrate/locations/history/{started.json()['migrationId']}"

    async def over() -> bool:
        run = (await house.desk.operator.request("GET", path)).json()
        return bool(run["status"] == "COMPLETED")

    await seen(over, "the end of the migration", SECONDS)


async def test_both_sides_end_equal_and_nothing_is_dead(house: House, edited: Mapping[str, Wing]) -> None:
    assert edited
    try:
        await settled(house)
    except NotSeen as error:
        raise AssertionError(([str(each) for each in (await compared(house))[1]], await house.desk.depths())) from error


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_case(house: House, edited: Mapping[str, Wing], case: Case) -> None:
    both, _ = await compared(house)
    await edited[case.name].judge(both)

"""People at work on both sides: staff through the API, screens by SQL; every edit goes into the journal."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date
from random import Random
from types import MappingProxyType
from typing import Any

import asyncpg

from libs.web.outgoing import ApiSession, RemoteRefused, RemoteUnavailable
from services.nomis.estate.edits import LOCATIONS, PROFILES, NothingToEdit, ScreenEdits
from services.nomis.estate.journal import Change, Edit
from tests.chaos.journal import Entry

Connection = "asyncpg.Connection[asyncpg.Record]"
Connect = Callable[[], AbstractAsyncContextManager["asyncpg.Connection[asyncpg.Record]"]]

BROKEN = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
STAFF_CHOICE = (("capacity", 50), ("deactivate", 15), ("reactivate", 15), ("create", 8), ("rename", 5), ("name", 7))
REASONS = (("DAMAGED", "DAMAGED"), ("MAINTENANCE", "MAINTENANCE"), ("DAMP", "OTHER"), ("PEST", "OTHER"))
TARGETS = """
SELECT id FROM location
 WHERE prison_id = $1 AND NOT archived AND converted_cell_type IS NULL AND active = $3
   AND CASE WHEN $2 THEN location_type = 'CELL' AND accommodation_type = 'NORMAL_ACCOMMODATION'
            ELSE location_type IN ('WING', 'LANDING') END
 ORDER BY id
"""
# What a column of a NOMIS row is called in equality.py, and how its value is written there.
COLUMN = MappingProxyType(
    {
        "capacity": "max_capacity",
        "operation_capacity": "working_capacity",
        "cna_no": "certified_capacity",
        "certified_flag": "certified",
        "comment_text": "comments",
        "user_desc": "local_name",
        "active_flag": "active",
        "deactivate_date": "deactivated",
        "deactivate_reason_code": "reason",
        "reactivate_date": "proposed",
    },
)
OTHER_FLAG = MappingProxyType({"true": "false", "false": "true"})
NUMBERS = frozenset({"capacity", "operation_capacity", "cna_no"})
REASON_WORD = MappingProxyType(
    {"D": "REFURBISHMENT", "G": "MAINTENANCE", "H": "STAFF_SHORTAGE", "I": "MOTHBALLED", "J": "DAMAGED"},
)


@dataclass
class Journal:
    """Everything that was done, and what became of each attempt."""

    started: float = field(default_factory=time.monotonic)
    entries: list[Entry] = field(default_factory=list)
    profiles: dict[tuple[int, str, str], bool] = field(default_factory=dict)
    created: set[str] = field(default_factory=set)
    made: Counter[str] = field(default_factory=Counter)

    def now(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started


@dataclass
class Staff:
    """One member of staff, who presses the button again when there was no answer."""

    api: ApiSession
    locations: Connect
    prisons: Sequence[str]
    journal: Journal
    chance: Random
    today: date
    numbers: int = 0

    async def edit(self) -> None:
        """Make one edit."""
        [kind] = self.chance.choices([name for name, _ in STAFF_CHOICE], [weight for _, weight in STAFF_CHOICE])
        self.numbers += 1
        act: Callable[[], Awaitable[None]] = getattr(self, f"_{kind}")
        try:
            await act()
        except RemoteRefused:
            self.journal.made[f"staff {kind}, refused"] += 1
        except RemoteUnavailable:
            self.journal.made[f"staff {kind}, no answer"] += 1
        except BROKEN:
            self.journal.made["staff, could not look"] += 1
        else:
            self.journal.made[f"staff {kind}"] += 1

    async def _target(self, *, cell: bool = True, active: bool = True) -> str:
        async with self.locations() as connection:
            rows = await connection.fetch(TARGETS, self.chance.choice(self.prisons), cell, active)
        if not rows:
            raise RemoteRefused(404, {}, "GET", "nothing to edit")
        return str(self.chance.choice(rows)["id"])

    async def _send(self, method: str, path: str, body: Any, entries: Sequence[tuple[str, str, str]]) -> Any:
        """Send; note what it set, as sure only when it was answered. The last of `entries` may be side effects."""
        began = self.journal.now()
        try:
            answer = await self.api.request(method, path, json=body)
        except RemoteUnavailable:
            self._note(entries, began, sure=False)
            raise
        self._note(entries, began, sure=True)
        return answer.json()

    def _note(self, entries: Sequence[tuple[str, str, str]], began: float, *, sure: bool) -> None:
        at = self.journal.now()
        self.journal.entries += [
            Entry(
                "DPS",
                id_,
                name.removeprefix("?"),
                value,
                at,
                sure=sure and not name.startswith("?"),
                # Only what is in use is closed, and only what is closed is opened.
                old=OTHER_FLAG[value] if name == "active" else None,
                began=began,
            )
            for id_, name, value in entries
        ]

    async def _capacity(self) -> None:
        id_ = await self._target()
        maximum = self.chance.randint(1, 90)
        working = self.chance.randint(1, maximum)
        body = {"maxCapacity": maximum, "workingCapacity": working}
        entries = [(id_, "max_capacity", str(maximum)), (id_, "working_capacity", str(working))]
        await self._send("PUT", f"/locations/{id_}/capacity", body, [*entries, (id_, "?certified", "true")])

    async def _deactivate(self) -> None:
        id_ = await self._target()
        sent, shared = self.chance.choice(REASONS)
        body = {"deactivationReason": sent, "planetFmReference": f"F{self.numbers}"}
        side_effects = [(id_, "?proposed", ""), (id_, "?deactivated", self.today.isoformat())]
        entries = [(id_, "active", "false"), (id_, "reason", shared), *side_effects]
        await self._send("PUT", f"/locations/{id_}/deactivate/temporary", body, entries)

    async def _reactivate(self) -> None:
        id_ = await self._target(active=False)
        body = {"locations": {id_: {"cascadeReactivation": False}}}
        await self._send(
            "PUT", "/locations/bulk/reactivate", body, [(id_, "active", "true"), (id_, "?certified", "true")]
        )

    async def _rename(self) -> None:
        id_ = await self._target()
        code = f"R{self.numbers}"
        await self._send("PATCH", f"/locations/residential/{id_}", {"code": code}, [(id_, "code", code)])

    async def _name(self) -> None:
        id_ = await self._target(cell=False)
        name = f"Name {self.numbers}"
        await self._send("PUT", f"/locations/{id_}/change-local-name", {"localName": name}, [(id_, "local_name", name)])

    async def _create(self) -> None:
        async with self.locations() as connection:
            above = await connection.fetch(
                "SELECT id, prison_id FROM location WHERE prison_id = ANY($1) AND location_type = 'LANDING' AND active"
                " ORDER BY id",
                list(self.prisons),
            )
        parent = self.chance.choice(above)
        body = {
            "prisonId": parent["prison_id"],
            "code": f"N{self.numbers}",
            "locationType": "CELL",
            "accommodationType": "NORMAL_ACCOMMODATION",
            "capacity": {"maxCapacity": 2, "workingCapacity": 1},
            "certified": True,
            "parentId": str(parent["id"]),
        }
        self.journal.created.add(f"{parent['id']} {body['code']}")
        await self._send("POST", "/locations/residential", body, [])


@dataclass
class Screens:
    """Everyone at NOMIS's screens."""

    nomis: Connect
    edits: ScreenEdits
    journal: Journal

    async def edit(self) -> None:
        """Make one edit, committed when this returns."""
        try:
            async with self.nomis() as connection:
                edit = await self.edits.make(connection)
        except NothingToEdit:
            return
        except BROKEN:
            self.journal.made["screen, no answer"] += 1
            if (unanswered := self.edits.unanswered) is not None:
                self._note_all(unanswered, sure=False)
            return
        self.journal.made[f"screen {edit.act.value}"] += 1
        self._note_all(edit, sure=True)

    def _note_all(self, edit: Edit, *, sure: bool) -> None:
        at = self.journal.now()
        for change in edit.changes:
            self._note(change, at, sure=sure)

    def _note(self, change: Change, at: float, *, sure: bool) -> None:
        if change.table == LOCATIONS and change.field in COLUMN:
            value = _words(change.field, change.new)
            old = _words(change.field, change.old)
            self.journal.entries.append(Entry("NOMIS", change.row, COLUMN[change.field], value, at, sure=sure, old=old))
        elif change.table == PROFILES:
            profile = (change.row, change.field, str(change.new if change.new is not None else change.old))
            if sure:
                self.journal.profiles[profile] = change.new is not None
            else:
                # It is there or it is not: nobody can tell.
                self.journal.profiles.pop(profile, None)


def _words(column: str, value: Any) -> str:
    if column.endswith("_flag"):
        return str(value == "Y").lower()
    if column in NUMBERS:
        return str(value or 0)
    if column == "deactivate_reason_code":
        return "" if value is None else REASON_WORD.get(value, "OTHER")
    if value is None:
        return ""
    return value.date().isoformat() if column.endswith("_date") else str(value).strip()


async def steadily(edit: Callable[[], Awaitable[None]], per_second: float, until: asyncio.Event) -> None:
    """Make edits at a rate until told to stop; one that takes long delays the next."""
    while not until.is_set():
        began = time.monotonic()
        await edit()
        rest = 1 / per_second - (time.monotonic() - began)
        try:
            await asyncio.wait_for(until.wait(), max(rest, 0.001))
        except TimeoutError:
            continue

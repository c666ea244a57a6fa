"""What each member of an expectation of §7 means: one check for each, and a case with an unknown member fails."""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from uuid import UUID

from tests.services.locations.cases import Answer, Case, World, mismatches, requests_of
from tests.services.locations.f1 import ID

Events = list[tuple[str, str, str]]


@dataclass(frozen=True)
class Played:
    """A case that was played: its calls' answers and events."""

    case: Case
    expected: dict[str, Any]
    world: World
    answers: Sequence[Answer]
    events: Sequence[Events]

    @property
    def everything(self) -> Events:
        """All events, in order."""
        return [event for told in self.events for event in told]

    @property
    def target(self) -> UUID:
        """The location that the first call was about."""
        first = requests_of(self.case)[0]
        named = re.search(r"{([^{}]+)}|/key/KTI-([^/?]+)", first["path"])
        if named:
            return ID[named[1] or named[2]]
        own = first.get("body", {}).get("id")
        return UUID(self.world.filled(own)) if own else self.world.new or UUID(int=0)


Check = Callable[[Played, Any], Awaitable[list[str]]]


async def _statuses(played: Played, wanted: list[int]) -> list[str]:
    return mismatches(wanted, [each.status for each in played.answers], "statuses")


async def _codes(played: Played, wanted: list[int | None]) -> list[str]:
    return mismatches(wanted, [(each.body or {}).get("errorCode") for each in played.answers], "errorCodes")


async def _bodies(played: Played, wanted: list[Any]) -> list[str]:
    told = zip(wanted, played.answers, strict=False)
    filled = ((played.world.filled(body), answer.body) for body, answer in told if body is not None)
    return [fault for body, found in filled for fault in mismatches(body, found)]


async def _absent(played: Played, names: list[str]) -> list[str]:
    return [f"{name}: is there" for name in names if name in played.answers[0].body]


async def _events(played: Played, wanted: list[list[str]]) -> list[str]:
    return _in_order(wanted, played.everything)


async def _events_first(played: Played, wanted: list[list[str]]) -> list[str]:
    return _in_order(wanted, played.events[0])


async def _events_any_order(played: Played, wanted: list[Any]) -> list[str]:
    if wanted and isinstance(wanted[0][0], list):
        pairs = zip(wanted, played.events, strict=True)
        return [fault for each, told in pairs for fault in _in_any_order(each, told)]
    return _in_any_order(wanted, played.everything)


async def _events_first_any_order(played: Played, wanted: list[list[str]]) -> list[str]:
    return _in_any_order(wanted, played.events[0])


def _cut(wanted: list[list[str]], told: Events) -> list[list[str]]:
    parts = len(wanted[0]) if wanted else 3
    return [list(event[:parts]) for event in told]


def _in_order(wanted: list[list[str]], told: Events) -> list[str]:
    return mismatches(wanted, _cut(wanted, told), "events")


def _in_any_order(wanted: list[list[str]], told: Events) -> list[str]:
    return mismatches(sorted(wanted), sorted(_cut(wanted, told)), "events")


async def _event_counts(played: Played, wanted: dict[str, int]) -> list[str]:
    return mismatches(wanted, dict(Counter(kind for kind, _, _ in played.everything)), "eventCounts")


async def _history_top(played: Played, wanted: list[list[str | None]]) -> list[str]:
    found = await played.world.history(played.target, shown=True)
    return mismatches(wanted, [list(each) for each in found[: len(wanted)]], "history")


async def _history_shown(played: Played, wanted: list[list[str | None]]) -> list[str]:
    return _lacks(wanted, await played.world.history(played.target, shown=True))


async def _history_legacy(played: Played, wanted: list[list[str | None]]) -> list[str]:
    return _lacks(played.world.filled(wanted), await played.world.history(played.target, shown=False))


def _lacks(wanted: list[list[str | None]], found: Sequence[tuple[str, str | None, str | None]]) -> list[str]:
    return [f"history: {each} is missing from {found}" for each in wanted if tuple(each) not in found]


async def _rows(played: Played, wanted: int) -> list[str]:
    counted = await played.world.connection.fetchval(
        "SELECT count(*) FROM location WHERE path_hierarchy = 'C-4-010' AND prison_id = 'KTI'"
    )
    return mismatches(wanted, counted, "rows")


async def _paths_there(played: Played, wanted: list[str]) -> list[str]:
    found = await played.world.connection.fetch("SELECT path_hierarchy FROM location")
    return [f"{path}: is not there" for path in wanted if path not in {each["path_hierarchy"] for each in found}]


async def _db(played: Played, wanted: dict[str, str]) -> list[str]:
    """Look for `path X` in the words of the table."""
    faults: list[str] = []
    for path, told in wanted.items():
        query = "SELECT path_hierarchy FROM location WHERE id = $1"
        faults += mismatches(told.split()[1], await played.world.connection.fetchval(query, ID[path]), path)
    return faults


async def _then(played: Played, wanted: dict[str, Any]) -> list[str]:
    faults: list[str] = []
    for call, expected in wanted.items():
        if call == "repeat":
            request = requests_of(played.case)[0]
        else:
            method, path = call.split(" ", 1)
            request = {"method": method, "path": path, "auth": "VIEW" if method == "GET" else "MAINT+write"}
        answer = await played.world.call(request)
        told = {"status": answer.status, "errorCode": (answer.body or {}).get("errorCode"), "body": answer.body}
        faults += mismatches(expected, told, call)
    return faults


async def _entries(played: Played, wanted: dict[str, Any]) -> list[str]:
    """Compare the changes told of each key; a key that the table describes in words has one message and no type."""
    faults: list[str] = []
    for key, expected in wanted.items():
        told = played.answers[0].body[key]
        changes = [[each.get("type"), each.get("previousValue"), each.get("newValue")] for each in told]
        faults += mismatches([[None, None, None]] if isinstance(expected, str) else expected, changes, key)
    return faults


async def _keys_in_order(played: Played, wanted: list[str]) -> list[str]:
    return mismatches(wanted, [each["key"] for each in played.answers[0].body], "keys")


async def _subtree_lacks(played: Played, wanted: list[str]) -> list[str]:
    return [f"{key}: is there" for key in wanted if f'"{key}"' in str(played.answers[0].body).replace("'", '"')]


async def _landing_5(played: Played, wanted: dict[str, Any]) -> list[str]:
    [landing] = [each for each in played.answers[0].body["childLocations"] if each["key"] == "KTI-C-5"]
    return mismatches(wanted, landing, "KTI-C-5")


async def _keys(played: Played, wanted: list[list[str]]) -> list[str]:
    return mismatches(wanted, [[each["key"] for each in answer.body] for answer in played.answers], "keys")


def _item_of(call: int) -> Check:
    async def check(played: Played, wanted: dict[str, Any]) -> list[str]:
        return mismatches(wanted, played.answers[call].body[0], "item")

    return check


async def _sizes(played: Played, wanted: list[int]) -> list[str]:
    found = [len(each) for answer in played.answers for each in answer.body.values()]
    return mismatches(wanted, found, "sizes")


async def _paths(played: Played, wanted: list[str]) -> list[str]:
    return mismatches(wanted, [each["pathHierarchy"] for each in played.answers[0].body], "paths")


async def _audits(played: Played, wanted: list[str]) -> list[str]:
    return mismatches(wanted, await played.world.audits(), "audits")


async def _told_elsewhere(_: Played, __: Any) -> list[str]:
    """Pass what is not for the wire, or was put into another member of the expectation."""
    return []


CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "statuses": _statuses,
        "errorCodes": _codes,
        "bodies": _bodies,
        "absent": _absent,
        "events": _events,
        "eventsFirst": _events_first,
        "eventsAnyOrder": _events_any_order,
        "eventsFirstAnyOrder": _events_first_any_order,
        "eventCounts": _event_counts,
        "historyTop": _history_top,
        "historyAnyOrder": _history_shown,
        "historyLegacy": _history_legacy,
        "rows": _rows,
        "samplePaths": _paths_there,
        "db": _db,
        "then": _then,
        "entries": _entries,
        "keysInOrder": _keys_in_order,
        "subtreeLacks": _subtree_lacks,
        "landing5": _landing_5,
        "keys": _keys,
        "archivedItem": _item_of(0),
        "inactiveItem": _item_of(1),
        "sizes": _sizes,
        "paths": _paths,
        "item": _item_of(0),
        "audits": _audits,
        "epoch": _told_elsewhere,
        "rebuild": _told_elsewhere,
        "check": _told_elsewhere,
        "bodyIsList": _told_elsewhere,
        "afterFirst": _told_elsewhere,
    }
)

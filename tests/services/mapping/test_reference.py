"""The cases M01 to M25 of the mapping service's reference, as data; concurrency and roles have tests of their own."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from structlog.testing import capture_logs

from tests.conftest import ROOT
from tests.services.mapping.conftest import Client

D1 = "5b0e7a52-0c0d-4b6e-9f8b-3f7c1d20c001"
D2 = "5b0e7a52-0c0d-4b6e-9f8b-3f7c1d20c002"
N1, N2 = 880041, 880042
BASE = "/mapping/locations"
RUN = "2024-04-17T09:31:07"
DEVIATIONS = ROOT / "docs" / "deviations.md"
ELSEWHERE = ("M06", "M07", "M23", "M24")
"""Cases with a test of their own: test_concurrency.py, test_roles.py."""


def pair(dps: str, nomis: int, kind: str = "NOMIS_CREATED", label: str | None = None) -> dict[str, Any]:
    return {"dpsLocationId": dps, "nomisLocationId": nomis, "mappingType": kind} | ({"label": label} if label else {})


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    status: int
    body: Any = None
    says: Mapping[str, Any] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    as_admin: bool = False


@dataclass(frozen=True)
class Case:
    number: str
    calls: Sequence[Call]
    given: Sequence[Mapping[str, Any]] = ()
    events: int = 0
    rows: Sequence[tuple[str, int]] | None = None
    deviates: bool = False


ONE_OF_EACH = (
    pair("a", 1, "MIGRATED", RUN),
    pair("b", 2, "NOMIS_CREATED"),
    pair("c", 3, "LOCATION_CREATED"),
)
ONE_RUN = (
    *(pair(f"run-{n}", 10 + n, "MIGRATED", RUN) for n in range(4)),
    *(pair(f"other-{n}", 20 + n, "MIGRATED", "2024-05-01T00:00:00") for n in range(5)),
    pair("sync", 30, "NOMIS_CREATED", RUN),
)
HALF = {"dpsLocationId": D1, "mappingType": "MIGRATED"}
GONE = (Call("GET", f"{BASE}/dps/{D1}", 404), Call("GET", f"{BASE}/nomis/{N1}", 404))

CASES = (
    Case(
        "M01",
        (
            Call("POST", BASE, 201, pair(D1, N1, "LOCATION_CREATED")),
            Call("GET", f"{BASE}/nomis/{N1}", 200, says=pair(D1, N1, "LOCATION_CREATED"), lacks=("label",)),
            Call("GET", f"{BASE}/dps/{D1}", 200, says=pair(D1, N1, "LOCATION_CREATED"), lacks=("label",)),
        ),
        events=1,
    ),
    Case(
        "M02",
        (
            Call("POST", BASE, 201, pair(D1, N1, "LOCATION_CREATED", "x")),
            Call("GET", f"{BASE}/dps/{D1}", 200, says=pair(D1, N1), lacks=("label",)),
        ),
        given=(pair(D1, N1),),
    ),
    Case(
        "M03",
        (
            Call(
                "POST",
                BASE,
                409,
                pair(D1, N2),
                {
                    "errorCode": 1409,
                    "status": "CONFLICT",
                    "moreInfo": {"existing": {"nomisLocationId": N1}, "duplicate": {"nomisLocationId": N2}},
                },
            ),
        ),
        given=(pair(D1, N1),),
        rows=((D1, N1),),
    ),
    Case(
        "M04",
        (
            Call(
                "POST",
                BASE,
                409,
                pair(D2, N1),
                {"moreInfo": {"existing": {"dpsLocationId": D1}, "duplicate": {"dpsLocationId": D2}}},
            ),
        ),
        given=(pair(D1, N1),),
        rows=((D1, N1),),
    ),
    Case(
        "M05",
        (
            Call(
                "POST",
                BASE,
                409,
                pair(D1, N2),
                {
                    "moreInfo": {
                        "existing": pair(D1, N1),
                        "existingByDpsId": pair(D1, N1),
                        "existingByNomisId": pair(D2, N2),
                    },
                },
            ),
        ),
        given=(pair(D1, N1), pair(D2, N2)),
    ),
    Case(
        "M08",
        (
            Call(
                "POST",
                BASE,
                400,
                {"dpsLocationId": D1, "mappingType": "MIGRATED"},
                {"userMessage": "Validation failure:"},
            ),
        ),
        rows=(),
    ),
    Case("M09", (Call("POST", BASE, 400, pair(D1, N1, label="x" * 21)),), rows=()),
    Case("M10", (Call("POST", BASE, 400, pair(D1, N1, "DPS_CREATED")),), rows=(), deviates=True),
    Case("M11", (Call("GET", f"{BASE}/nomis/123", 404, says={"userMessage": "nomisLocationId=123"}),)),
    Case("M12", (Call("GET", f"{BASE}/nomis/abc", 400),)),
    Case("M13", (Call("GET", f"{BASE}/dps/not-a-uuid", 404),)),
    Case(
        "M14",
        (Call("GET", f"{BASE}/migrated/latest", 200, says={"label": "B"}),),
        given=(pair("a", 1, "MIGRATED", "A"), pair("b", 2, "MIGRATED", "B"), pair("c", 3)),
    ),
    Case("M15", (Call("GET", f"{BASE}/migrated/latest", 404),), given=(pair(D1, N1, "LOCATION_CREATED"),)),
    Case(
        "M16",
        (Call("GET", f"{BASE}/migration-id/{RUN}", 200, says={"totalElements": 4, "size": 10, "numberOfElements": 4}),),
        given=ONE_RUN,
    ),
    Case(
        "M17",
        (
            Call(
                "GET",
                f"{BASE}/migration-id/{RUN}?size=3&page=1&sort=nomisLocationId,asc",
                200,
                says={"numberOfElements": 1, "totalPages": 2, "number": 1, "content": [{"nomisLocationId": 13}]},
            ),
        ),
        given=ONE_RUN,
    ),
    Case("M18", (Call("GET", f"{BASE}/migration-id/none", 200, says={"totalElements": 0, "empty": True}),)),
    Case(
        "M19",
        (Call("DELETE", f"{BASE}/dps/{D1}", 204), Call("DELETE", f"{BASE}/dps/{D1}", 204), *GONE),
        given=(pair(D1, N1),),
    ),
    Case(
        "M20",
        (Call("DELETE", f"{BASE}/nomis/{N1}", 204), Call("DELETE", f"{BASE}/nomis/{N1}", 204), *GONE),
        given=(pair(D1, N1),),
    ),
    Case(
        "M21",
        (Call("DELETE", f"{BASE}?onlyMigrated=true", 204, as_admin=True),),
        given=ONE_OF_EACH,
        rows=(("b", 2), ("c", 3)),
        deviates=True,
    ),
    Case("M22", (Call("DELETE", BASE, 204, as_admin=True),), given=ONE_OF_EACH, rows=(), deviates=True),
    Case(
        "M25",
        (Call("DELETE", f"{BASE}/dps/{D1}", 204), Call("POST", BASE, 201, pair(D1, N2))),
        given=(pair(D1, N1),),
        events=1,
        rows=((D1, N2),),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.number)
async def test_a_case_of_the_reference_holds(
    client: Client, mapping_dsn: str, admin: dict[str, str], case: Case
) -> None:
    for row in case.given:
        await client.post(BASE, json=row)
    with capture_logs() as logs:
        for call in case.calls:
            headers = admin if call.as_admin else None
            async with client.request(call.method, call.path, json=call.body, headers=headers) as answer:
                assert answer.status == call.status, await answer.text()
                if call.status in {201, 204}:
                    assert await answer.read() == b""
                else:
                    told = await answer.json()
                    assert within(call.says, told), told
                    assert not set(call.lacks) & set(told)
    assert len([event for event in logs if event["event"] == "location-mapping-created"]) == case.events
    if case.rows is not None:
        assert await stored(mapping_dsn) == sorted(case.rows)


async def test_m01_tells_the_event_and_the_time(client: Client) -> None:
    with capture_logs() as logs:
        await client.post(BASE, json=pair(D1, N1, "LOCATION_CREATED"))
    event = next(event for event in logs if event["event"] == "location-mapping-created")
    assert (event["id"], event["nomisLocationId"], event["batchId"]) == (D1, str(N1), None)
    told = await (await client.get(f"{BASE}/dps/{D1}")).json()
    london = datetime.fromisoformat(told["whenCreated"]).replace(tzinfo=ZoneInfo("Europe/London"))
    assert abs(datetime.now(UTC) - london) < timedelta(minutes=5)  # noqa: TID251 - the database's clock is not ours


def test_every_case_is_here_and_the_deviating_ones_are_documented() -> None:
    numbers = {case.number for case in CASES} | set(ELSEWHERE)
    assert numbers == {f"M{number:02}" for number in range(1, 26)}
    # Other references number some of their cases M, too.
    page = DEVIATIONS.read_text(encoding="utf-8").split("\n## Mapping service")[1].split("\n## ")[0]
    documented = set(re.findall(r"^\| (M\d\d) \|", page, re.MULTILINE))
    assert documented == {case.number for case in CASES if case.deviates} | {"M06", "M07"}


def within(expected: Any, told: Any) -> bool:
    """Tell whether an answer holds what is expected of it; texts need only contain it."""
    match expected:
        case Mapping():
            return all(key in told and within(value, told[key]) for key, value in expected.items())
        case list():
            return len(expected) == len(told) and all(map(within, expected, told))
        case str():
            return isinstance(told, str) and expected in told
        case _:
            return bool(expected == told)


async def stored(dsn: str) -> list[tuple[str, int]]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT dps_location_id, nomis_location_id FROM location_mapping ORDER BY 1")
    await connection.close()
    return [(row[0], row[1]) for row in rows]

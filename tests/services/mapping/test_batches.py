"""The doors that carry many: an outcome for each, in order; found ones only; replacing by compare and set."""

from typing import Any

import pytest

from tests.services.mapping.conftest import Client
from tests.services.mapping.test_reference import BASE, D1, D2, N1, N2, pair, stored, within

REPLACE = f"{BASE}/replace"


async def told(client: Client, path: str, body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Any:
    async with client.post(path, json=body, headers=headers) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


async def test_a_batch_saves_the_good_and_says_why_for_each_of_the_others(client: Client, mapping_dsn: str) -> None:
    await client.post(BASE, json=pair("have", 1))
    await client.post(BASE, json=pair("other", 2))
    wishes = [
        pair("new", 3, "MIGRATED", "run"),
        pair("have", 1),
        pair("have", 2),
        pair("new", 3),
        pair("long", 4, label="x" * 21),
        {"dpsLocationId": "half"},
        "nonsense",
        pair("bad", 5, "DPS_CREATED"),
    ]
    outcomes = await told(client, f"{BASE}/batch", wishes)
    assert [outcome["outcome"] for outcome in outcomes] == [
        *("created", "exists", "conflict", "exists", "invalid", "invalid", "invalid", "invalid")
    ]
    assert within({"existingByDpsId": pair("have", 1), "existingByNomisId": pair("other", 2)}, outcomes[2])
    assert outcomes[4]["reason"].startswith("label: ")
    assert outcomes[5]["reason"].startswith("body: object missing required field `nomisLocationId`")
    assert await stored(mapping_dsn) == [("have", 1), ("new", 3), ("other", 2)]


async def test_a_batch_repeated_changes_nothing(client: Client) -> None:
    wishes = [pair(f"d{n}", n) for n in range(1000)]
    first = await told(client, f"{BASE}/batch", wishes)
    second = await told(client, f"{BASE}/batch", wishes)
    assert {item["outcome"] for item in first} == {"created"}
    assert {item["outcome"] for item in second} == {"exists"}


async def test_an_empty_batch_has_no_outcomes(client: Client) -> None:
    assert await told(client, f"{BASE}/batch", []) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{BASE}/batch", [pair(str(n), n) for n in range(1001)]),
        (f"{BASE}/find", {"nomisIds": list(range(1001))}),
        (f"{BASE}/find", {}),
        (f"{BASE}/find", {"nomisIds": [1], "dpsIds": ["a"]}),
        (f"{BASE}/find", {"nomisIds": [2**63]}),
        (BASE, pair("x" * 41, 1)),
        (BASE, pair("", 1)),
    ],
)
async def test_too_much_or_too_little_is_a_bad_request(client: Client, path: str, body: Any) -> None:
    assert (await told(client, path, body, 400))["userMessage"].startswith("Validation failure: ")


async def test_finding_leaves_out_what_is_not_there(client: Client) -> None:
    await told(client, f"{BASE}/batch", [pair(D1, N1), pair(D2, N2)])
    for body in ({"dpsIds": [D1, "unknown"]}, {"nomisIds": [N1, 5]}):
        [found] = await told(client, f"{BASE}/find", body)
        assert within(pair(D1, N1), found)
    assert await told(client, f"{BASE}/find", {"dpsIds": []}) == []


async def test_others_translate_many_ids_at_once(client: Client, reader: dict[str, str]) -> None:
    await told(client, f"{BASE}/batch", [pair(D1, N1), pair(D2, N2)])
    expected = [{"dpsLocationId": D1, "nomisLocationId": N1}]
    assert await told(client, "/api/locations/nomis", [N1, 5], headers=reader) == expected
    assert await told(client, "/api/locations/dps", [D1, "x"], headers=reader) == expected


async def test_a_mapping_is_replaced_once_however_often_it_is_asked(client: Client) -> None:
    await client.post(BASE, json=pair(D1, N1))
    wish = pair(D1, N2, "LOCATION_CREATED") | {"previousNomisLocationId": N1}
    for _ in range(2):
        assert within(pair(D1, N2, "LOCATION_CREATED"), await told(client, REPLACE, wish))
    assert (await client.get(f"{BASE}/nomis/{N1}")).status == 404


async def test_a_mapping_is_not_replaced_when_it_is_not_what_was_believed(client: Client, mapping_dsn: str) -> None:
    wish = pair(D1, N2) | {"previousNomisLocationId": N1}
    nothing_there = await told(client, REPLACE, wish, 409)
    assert nothing_there["moreInfo"]["existing"] is None
    await client.post(BASE, json=pair(D1, 9))
    assert within({"moreInfo": {"existing": pair(D1, 9)}}, await told(client, REPLACE, wish, 409))
    assert await stored(mapping_dsn) == [(D1, 9)]


async def test_a_mapping_is_not_replaced_by_one_that_another_has(client: Client, mapping_dsn: str) -> None:
    await told(client, f"{BASE}/batch", [pair(D1, N1), pair(D2, N2)])
    refused = await told(client, REPLACE, pair(D1, N2) | {"previousNomisLocationId": N1}, 409)
    assert within({"existingByDpsId": pair(D1, N1), "existingByNomisId": pair(D2, N2)}, refused["moreInfo"])
    assert await stored(mapping_dsn) == [(D1, N1), (D2, N2)]


async def test_pages_are_cut_to_the_largest_and_stay_in_order(client: Client) -> None:
    await told(client, f"{BASE}/batch", [pair(f"d{n:02}", 100 - n, "MIGRATED", "run") for n in range(25)])
    seen = []
    for page in range(3):
        answer = await (await client.get(f"{BASE}/migration-id/run?page={page}")).json()
        seen += [row["dpsLocationId"] for row in answer["content"]]
    assert seen == [f"d{n:02}" for n in range(25)]
    assert (await (await client.get(f"{BASE}/migration-id/run?size=999999")).json())["size"] == 2000


async def test_an_unknown_sort_is_a_bad_request(client: Client) -> None:
    for sort in ("nonsense", "label,sideways", "when_created;--"):
        assert (await client.get(f"{BASE}/migration-id/run", params={"sort": sort})).status == 400

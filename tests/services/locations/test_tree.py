"""The whole hierarchy of a prison in one answer."""

import zlib
from collections.abc import Iterator
from typing import Any

import orjson

from tests.services.locations.asking import Asking

TREE = "/locations/prison/KTI/tree"


def keys(tree: list[dict[str, Any]]) -> Iterator[str]:
    for each in tree:
        yield each["pathHierarchy"]
        yield from keys(each["childLocations"])


async def test_all_that_is_in_use_is_nested_from_the_top(f1: Asking) -> None:
    tree = await f1.ask("VIEW", f"GET {TREE}")
    assert list(keys(tree)) == ["C", "C-4", "C-4-010", "C-4-011", "C-4-0S1", "C-5", "C-HEAR", "C-VIS", "D", "D-E"]
    with_inactive = await f1.ask("VIEW", f"GET {TREE}?includeInactive=true")
    assert set(keys(with_inactive)) - set(keys(tree)) == {"D-E-007"}


async def test_each_location_is_shown_as_it_is_alone(f1: Asking) -> None:
    level = await f1.ask("VIEW", f"GET {TREE}?includeInactive=true")
    while level:
        below = []
        for each in level:
            below += each.pop("childLocations")
            assert each == await f1.ask("VIEW", f"GET /locations/{each['id']}")
        level = below


async def test_an_unknown_prison_has_no_hierarchy(f1: Asking) -> None:
    assert await f1.ask("VIEW", "GET /locations/prison/XYI/tree") == []
    await f1.ask("VIEW", "GET /locations/prison/OUT/tree", status=400)


async def test_the_answer_is_compressed_for_who_takes_it_so_and_not_sent_to_who_has_it(f1: Asking) -> None:
    plain = await f1.ask("VIEW", f"GET {TREE}")
    headers = {"Authorization": f"Bearer {f1.token(['ROLE_VIEW_LOCATIONS'])}", "Accept-Encoding": "gzip"}
    async with f1.client.session.get(f1.client.make_url(TREE), headers=headers, auto_decompress=False) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        packed, tag = await answer.read(), answer.headers["ETag"]
    assert orjson.loads(zlib.decompress(packed, 16 + zlib.MAX_WBITS)) == plain
    async with f1.client.get(TREE, headers=headers | {"If-None-Match": tag}) as answer:
        assert (answer.status, await answer.read()) == (304, b"")
    await f1.connection.execute("UPDATE location SET working_capacity = 1 WHERE path_hierarchy = 'C-4-010'")
    async with f1.client.get(TREE, headers=headers | {"If-None-Match": tag}) as answer:
        assert answer.status == 200
        assert (await answer.json())[0]["capacity"]["workingCapacity"] == 3

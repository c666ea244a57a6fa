"""Reads through the API, errors, and who may ask: cases 1–8 of `reference/nomis.md` §6 and the bulk doors."""

from http import HTTPStatus
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from libs.domain.nomis import NomisLocation
from services.nomis import app
from services.nomis.settings import Settings
from tests.conftest import MakeToken
from tests.routes import refusals
from tests.services.nomis.conftest import Client
from tests.services.nomis.prison import CELL, LANDING, UNKNOWN, WING, WORKSHOP, Prison


async def get(client: Client, path: str) -> tuple[int, Any]:
    async with client.get(path) as answer:
        return answer.status, await answer.json()


async def test_n01_nobody_enters_without_a_token_or_with_another_role(
    nomis_settings: Settings, token: MakeToken
) -> None:
    async with app.build(nomis_settings) as built, TestClient(TestServer(built)) as stranger:
        assert await refusals(stranger, token) == []


async def test_n01_a_403_holds_only_the_status(client: Client, token: MakeToken) -> None:
    async with client.get("/locations/ids", headers={"Authorization": f"Bearer {token(())}"}) as answer:
        body = await answer.json()
    assert (body["status"], body["userMessage"], body["developerMessage"]) == (403, None, None)
    assert body.keys() >= {"errorCode", "moreInfo"}


async def test_the_later_name_of_the_role_opens_the_doors_too(client: Client, token: MakeToken) -> None:
    later = {"Authorization": f"Bearer {token({'ROLE_NOMIS_PRISONER_API__SYNCHRONISATION__RW'})}"}
    async with client.get(f"/locations/{CELL}", headers=later) as answer:
        assert answer.status == HTTPStatus.OK


async def test_n02_an_unknown_id_is_a_404_that_names_it(client: Client) -> None:
    status, body = await get(client, f"/locations/{UNKNOWN}")
    assert status == HTTPStatus.NOT_FOUND
    assert body["userMessage"].startswith("Not Found: ")
    assert str(UNKNOWN) in body["userMessage"]
    assert (body["errorCode"], body["moreInfo"]) == (None, None)


async def test_an_unknown_key_is_a_404_that_names_it(client: Client) -> None:
    status, body = await get(client, "/locations/key/KMI-NO%20SUCH")
    assert status == HTTPStatus.NOT_FOUND
    assert "KMI-NO SUCH" in body["userMessage"]


@pytest.mark.parametrize("wrong", ["abc", "9" * 30])
async def test_n03_an_id_that_is_no_number_is_an_invalid_argument(client: Client, wrong: str) -> None:
    status, body = await get(client, f"/locations/{wrong}")
    assert status == HTTPStatus.BAD_REQUEST
    assert body["userMessage"].startswith("Invalid Argument: ")


async def test_n04_a_location_is_told_whole(client: Client) -> None:
    status, body = await get(client, f"/locations/{CELL}")
    assert status == HTTPStatus.OK
    assert "T" in body.pop("createDatetime")
    assert body == {
        "locationId": CELL,
        "certified": True,
        "locationType": "CELL",
        "prisonId": "KMI",
        "parentLocationId": LANDING,
        "parentKey": "KMI-D-2",
        "operationalCapacity": 1,
        "cnaCapacity": 1,
        "description": "KMI-D-2-014",
        "locationCode": "014",
        "capacity": 2,
        "listSequence": 14,
        "unitType": "NA",
        "active": True,
        "profiles": [
            {"profileType": "HOU_SANI_FIT", "profileCode": "WD"},
            {"profileType": "HOU_UNIT_ATT", "profileCode": "DO"},
        ],
        "usages": [],
        "amendments": [],
        "createUsername": "OMS_OWNER",
    }


async def test_n05_a_key_finds_the_same(client: Client) -> None:
    assert await get(client, "/locations/key/KMI-D-2-014") == await get(client, f"/locations/{CELL}")


async def test_a_key_that_two_prisons_have_is_a_500(client: Client, prison: Prison) -> None:
    await prison.edit(
        "INSERT INTO agency_internal_locations (agy_loc_id, internal_location_code, internal_location_type,"
        " description) VALUES ('LEI', 'D', 'WING', 'KMI-D')"
    )
    status, _ = await get(client, "/locations/key/KMI-D")
    assert status == HTTPStatus.INTERNAL_SERVER_ERROR


async def test_usages_and_amendments_omit_nulls(client: Client, prison: Prison) -> None:
    await prison.edit("UPDATE agency_internal_locations SET capacity = NULL WHERE internal_location_id = 5010")
    _, body = await get(client, f"/locations/{WORKSHOP}")
    assert body["usages"] == [
        {"internalLocationUsageType": "PROG", "capacity": 12, "sequence": 1},
        {"internalLocationUsageType": "OCCUR"},
    ]
    [amendment] = body["amendments"]
    assert len(amendment.pop("amendDateTime")) == len("2024-03-04T05:06:07")
    assert amendment == {"columnName": "Maximum Capacity", "oldValue": "12", "amendedBy": "QQQ99X"}
    assert body["modifyUsername"] == "QQQ99X"


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("2023-01-01 11:00:01.234567", "2023-01-01T11:00:01.234567"),
        ("2023-01-01 11:00:01.230000", "2023-01-01T11:00:01.23"),
        ("2023-01-01 11:00:00", "2023-01-01T11:00:00"),
    ],
)
async def test_times_are_local_with_trailing_zeros_trimmed(
    client: Client, prison: Prison, stored: str, shown: str
) -> None:
    await prison.edit(
        "INSERT INTO agency_internal_locations (internal_location_id, agy_loc_id, internal_location_code,"
        f" internal_location_type, description, create_datetime)"
        f" VALUES (6000, 'KMI', 'E', 'WING', 'KMI-E', '{stored}')",
        module="MERGE",
    )
    _, body = await get(client, "/locations/6000")
    assert body["createDatetime"] == shown


async def test_n06_ids_come_ten_at_a_time_in_order(client: Client, prison: Prison) -> None:
    await prison.edit(
        "INSERT INTO agency_internal_locations (agy_loc_id, internal_location_code, internal_location_type,"
        " description) SELECT 'KMI', 'X', 'BOX', 'KMI-X-' || n FROM generate_series(1, 20) n",
        module="MERGE",
    )
    _, body = await get(client, "/locations/ids")
    ids = [row["locationId"] for row in body["content"]]
    assert (len(ids), ids) == (10, sorted(ids))
    assert (body["size"], body["number"], body["totalElements"], body["totalPages"]) == (10, 0, 24, 3)
    assert (body["first"], body["last"], body["pageable"]["offset"]) == (True, False, 0)
    assert body["content"][1] == {"locationId": LANDING, "parentLocationId": WING, "prisonId": "KMI"}


@pytest.mark.parametrize(
    ("query", "size", "number"),
    [
        pytest.param("size=50000", 20000, 0, id="n07"),
        pytest.param("size=0", 10, 0, id="size-below-one"),
        pytest.param("size=x&page=-1", 10, 0, id="nonsense"),
        pytest.param("size=2&page=1", 2, 1, id="second"),
    ],
)
async def test_page_parameters_that_make_no_sense_are_read_as_the_default(
    client: Client, query: str, size: int, number: int
) -> None:
    status, body = await get(client, f"/locations/ids?{query}")
    assert (status, body["size"], body["number"]) == (HTTPStatus.OK, size, number)


async def test_n08_a_page_past_the_end_is_empty(client: Client) -> None:
    status, body = await get(client, "/locations/ids?page=9999")
    assert status == HTTPStatus.OK
    assert (body["content"], body["totalElements"], body["empty"], body["last"]) == ([], 4, True, True)


async def test_ids_are_sorted_as_asked_and_an_unknown_property_is_a_400(client: Client) -> None:
    _, body = await get(client, "/locations/ids?sort=description,desc")
    assert [row["locationId"] for row in body["content"]] == [WORKSHOP, CELL, LANDING, WING]
    status, body = await get(client, "/locations/ids?sort=nonsense")
    assert status == HTTPStatus.BAD_REQUEST
    assert "nonsense" in body["developerMessage"]


async def test_ids_after_an_id_walk_all_of_them(client: Client) -> None:
    _, first = await get(client, "/locations/ids?afterId=0&size=3")
    assert [row["locationId"] for row in first["content"]] == [WING, LANDING, CELL]
    _, rest = await get(client, f"/locations/ids?afterId={CELL}&size=3")
    assert (rest["content"], rest["last"], first["last"]) == (
        [{"locationId": WORKSHOP, "prisonId": "KMI"}],
        True,
        False,
    )


async def test_details_are_the_single_answers_and_the_unknown_are_absent(client: Client) -> None:
    async with client.post("/locations/details", json={"locationIds": [WORKSHOP, UNKNOWN, CELL, CELL]}) as answer:
        found = await answer.json()
    single = [(await get(client, f"/locations/{location_id}"))[1] for location_id in (CELL, WORKSHOP)]
    assert found == single
    assert NomisLocation.model_validate(found[0]).parent_key == "KMI-D-2"


async def test_more_than_five_hundred_details_are_refused(client: Client) -> None:
    async with client.post("/locations/details", json={"locationIds": list(range(501))}) as answer:
        assert answer.status == HTTPStatus.BAD_REQUEST
        assert "locationIds" in (await answer.json())["developerMessage"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("{", "body"),
        ('{"locationCode": "1", "description": "x"}', "locationType"),
        ('{"locationType": null, "locationCode": "1", "description": "x"}', "locationType"),
        ('{"locationType": "X", "locationCode": "1", "description": "x", "parentLocationId": "y"}', "parentLocationId"),
    ],
)
async def test_what_cannot_be_read_is_a_bad_request_that_names_the_field(client: Client, body: str, named: str) -> None:
    headers = {"Content-Type": "application/json"}
    async with client.put(f"/locations/{CELL}", data=body, headers=headers) as answer:
        assert answer.status == HTTPStatus.BAD_REQUEST
        told = await answer.json()
    assert told["userMessage"].startswith("Bad request: ")
    assert named in told["developerMessage"]


async def test_health_is_told_to_anybody(client: Client) -> None:
    async with client.get("/health", headers={"Authorization": ""}) as answer:
        assert (await answer.json())["components"]["db"]["status"] == "UP"

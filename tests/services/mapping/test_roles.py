"""Nobody comes in without the role."""

from aiohttp.test_utils import TestClient, TestServer

from services.mapping import app
from services.mapping.settings import Settings
from tests.conftest import MakeToken
from tests.routes import refusals
from tests.services.mapping.conftest import Client


async def test_m23_every_door_refuses_who_has_no_token_or_not_the_role(
    mapping_settings: Settings, token: MakeToken
) -> None:
    async with app.build(mapping_settings) as built, TestClient(TestServer(built)) as client:
        assert await refusals(client, token) == []


async def test_m24_the_public_door_has_a_role_of_its_own(client: Client, reader: dict[str, str]) -> None:
    await client.post(
        "/mapping/locations",
        json={"dpsLocationId": "D1", "nomisLocationId": 880041, "mappingType": "MIGRATED", "label": "x"},
    )
    for path in ("/api/locations/nomis/880041", "/api/locations/dps/D1"):
        assert (await client.get(path)).status == 403
        answer = await client.get(path, headers=reader)
        assert (answer.status, await answer.json()) == (200, {"dpsLocationId": "D1", "nomisLocationId": 880041})


async def test_wiping_needs_the_admins_role_and_the_setting(
    client: Client, mapping_settings: Settings, admin: dict[str, str]
) -> None:
    assert (await client.delete("/mapping/locations")).status == 403
    closed = mapping_settings.model_copy(update={"allow_wipe": False})
    async with app.build(closed) as built, TestClient(TestServer(built)) as other:
        answer = await other.delete("/mapping/locations", headers=admin)
        assert answer.status == 403
        assert "ALLOW_WIPE" in (await answer.json())["developerMessage"]

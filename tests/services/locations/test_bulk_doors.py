"""The bulk reads: every location once, whatever the page size; the same as the single read shows, with its memory."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import msgspec
import pytest

from libs.clients.locations import LocationsClient
from libs.domain.bulk import MirrorRow, Mirrors
from libs.domain.sync import LocationMirror
from libs.web.outgoing import OutgoingSettings, RemoteRefused, api_session
from tests.conftest import Auth
from tests.services.locations.test_staff_doors import ID, Kti, kti

__all__ = ["kti"]


@pytest.fixture
async def reader(kti: Kti, auth: Auth) -> AsyncIterator[LocationsClient]:
    settings = OutgoingSettings(
        base_url=str(kti.client.make_url("")),
        token_url=auth.token_url,
        client_id="reconciliation",
        client_secret=auth.secrets["reconciliation"],
    )
    async with api_session(settings) as session:
        yield LocationsClient(session)


async def everything(reader: LocationsClient, size: int, prison_id: str | None = None) -> list[MirrorRow]:
    rows: list[MirrorRow] = []
    page = Mirrors(content=[], last=False)
    while not page.last:
        page = await reader.mirrors_page(rows[-1].location.id if rows else None, size, prison_id=prison_id)
        rows += page.content
    return rows


@pytest.mark.parametrize("size", [1, 3, 8, 500])
@pytest.mark.parametrize("prison_id", [None, "KTI"])
async def test_pages_have_every_location_once_in_the_order_of_ids(
    reader: LocationsClient, size: int, prison_id: str | None
) -> None:
    rows = await everything(reader, size, prison_id)
    assert [row.location.id for row in rows] == sorted(str(each) for each in ID.values())


async def test_another_prison_has_none_of_them(reader: LocationsClient) -> None:
    assert await everything(reader, 500, "LEI") == []


async def test_a_row_is_what_the_single_read_shows(reader: LocationsClient) -> None:
    found = await reader.mirrors([str(each) for each in ID.values()], with_base=True)
    assert len(found.content) == len(ID)
    for row in found.content:
        read = LocationMirror.model_validate_json(msgspec.json.encode(row))
        assert read == await reader.mirror(UUID(row.location.id))
        assert read.sync.base
        assert read.sync.nomis_location_id


async def test_base_and_published_come_only_when_asked_for(reader: LocationsClient) -> None:
    [row] = (await reader.mirrors([str(ID["C"])])).content
    assert (row.sync.base, row.sync.published) == (None, None)


async def test_deleted_locations_are_told_from_unknown_ones(reader: LocationsClient, kti: Kti) -> None:
    async with kti.client.delete(f"/sync/locations/{ID['C-VIS']}") as answer:
        assert answer.status == 204
    found = await reader.mirrors([str(ID["C-VIS"]), str(uuid4())])
    assert found.content == []
    assert [(each.id, each.key, each.nomis_location_id) for each in found.buried] == [
        (str(ID["C-VIS"]), "KTI-C-VIS", 8)
    ]


async def test_how_a_prison_stands_comes_with_each_row(reader: LocationsClient, kti: Kti) -> None:
    await kti.connection.execute("INSERT INTO prison_sync VALUES ('KTI', 'NOMIS', true)")
    [row] = (await reader.mirrors([str(ID["C"])])).content
    assert (row.sync.authority, row.sync.one_way) == ("NOMIS", True)


async def test_ids_that_are_none_and_pages_too_large_are_refused(reader: LocationsClient) -> None:
    with pytest.raises(RemoteRefused, match="400") as wrong:
        await reader.mirrors(["no uuid"])
    assert "ids.0: invalid UUID" in wrong.value.body["developerMessage"]
    with pytest.raises(RemoteRefused, match="400"):
        await reader.mirrors_page(None, 1001)

"""The client over the real locations API, and the fake of it, keep the same promises."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from libs.clients.gathered import GatheredLocations
from libs.clients.locations import LocationsClient
from libs.domain.sync import LocationMirror, SyncWrite
from libs.settling.ports import RefusedByDps, Stale, Tombstoned
from libs.web.gathering import GatherLimits
from libs.web.outgoing import OutgoingSettings, api_session
from tests.conftest import Auth
from tests.contracts.locations import N2, Both, LocationsContract, cell, change, make
from tests.fakes.fake_locations import FakeLocations
from tests.services.locations.conftest import Client


class ByTheBulkDoors(LocationsClient):
    """Reads and writes one at a time by the doors that are for many."""

    async def mirror(self, location_id: UUID) -> LocationMirror | None:
        [mirror] = await self.whole_mirrors([location_id])
        if isinstance(mirror, Exception):
            raise mirror
        return mirror

    async def write(self, location_id: UUID, write: SyncWrite, etag: str) -> LocationMirror:
        [written] = await self.write_each([(location_id, write, etag)])
        if isinstance(written, Exception):
            raise written
        return written


@pytest.fixture
def outgoing(client: Client, auth: Auth) -> OutgoingSettings:
    name = "migration"
    return OutgoingSettings(
        base_url=str(client.make_url("")),
        token_url=auth.token_url,
        client_id=name,
        client_secret=auth.secrets[name],
    )


class TestTheRealApi(LocationsContract):
    @pytest.fixture
    async def locations(self, outgoing: OutgoingSettings) -> AsyncIterator[Both]:
        async with api_session(outgoing) as session:
            yield GatheredLocations(session, GatherLimits())

    async def test_those_asked_for_together_are_told_what_each_alone_is(self, locations: Both) -> None:
        here, gone = await make(locations), await make(locations, cell(location_id=N2, location_code="002"))
        await locations.delete(gone.location.id, gone.sync.etag)
        seen = await asyncio.gather(
            *(locations.mirror(each) for each in (gone.location.id, uuid4(), here.location.id)), return_exceptions=True
        )
        assert isinstance(seen[0], Tombstoned)
        assert seen[1:] == [None, here]

    async def test_of_those_written_together_the_good_are_written_and_each_other_is_told_why(
        self, locations: Both
    ) -> None:
        here, gone, moved, held = [
            await make(locations, cell(location_id=N2 + number, location_code=f"00{number}", **kind))
            for number, kind in enumerate(({}, {}, {}, {"unit_type": "HOLC"}))
        ]
        await locations.delete(gone.location.id, gone.sync.etag)
        name, code = change(localName="Ann"), change(code="D9")
        told = await asyncio.gather(
            locations.write(here.location.id, name, here.sync.etag),
            locations.write(here.location.id, change(localName="Late"), here.sync.etag),
            locations.write(gone.location.id, name, gone.sync.etag),
            locations.write(uuid4(), name, "1-1"),
            locations.write(moved.location.id, code, moved.sync.etag),
            locations.write(held.location.id, name, held.sync.etag),
            return_exceptions=True,
        )
        assert [type(each) for each in told] == [
            LocationMirror,
            Stale,
            Tombstoned,
            Stale,
            LocationMirror,
            RefusedByDps,
        ]
        assert told[0] == await locations.mirror(here.location.id)
        assert told[4] == await locations.mirror(moved.location.id)


class TestTheBulkDoors(LocationsContract):
    @pytest.fixture
    async def locations(self, outgoing: OutgoingSettings) -> AsyncIterator[Both]:
        async with api_session(outgoing) as session:
            yield ByTheBulkDoors(session)


class TestTheFake(LocationsContract):
    @pytest.fixture
    def locations(self) -> Both:
        return FakeLocations()

"""The client over this service, held to the contract its users rely on, with and without the stand-in's extra doors."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestServer

from libs.clients.gathered import GatheredNomis
from libs.clients.nomis import NomisClient
from libs.domain.nomis import NomisUsage
from libs.domain.switch_over import PrisonUnknown
from libs.domain.writing import NomisWrites
from libs.web.gathering import GatherLimits
from libs.web.outgoing import OutgoingSettings, api_session
from services.nomis import app
from services.nomis.settings import Settings
from tests.conftest import Auth
from tests.contracts.bulk import NomisEstateContract
from tests.contracts.nomis import UNKNOWN, ConditionalNomisContract, NomisContract, cell, update
from tests.fakes.fake_bulk import BulkNomis
from tests.fakes.fake_nomis import FakeNomis
from tests.services.nomis.prison import Prison

EMPTIED = """
DELETE FROM agy_int_loc_amendments; DELETE FROM int_loc_usage_locations; DELETE FROM agy_int_loc_profiles;
DELETE FROM agency_internal_locations; DELETE FROM xtag_listener_tab;
"""


@pytest.fixture(scope="module")
async def outgoing(nomis_settings: Settings, auth: Auth) -> AsyncIterator[OutgoingSettings]:
    async with app.build(nomis_settings) as built, TestServer(built) as server:
        yield OutgoingSettings(
            base_url=str(server.make_url("/")).rstrip("/"),
            token_url=auth.token_url,
            client_id="to-nomis",
            client_secret=auth.secrets["to-nomis"],
        )


@pytest.fixture
async def empty(prison: Prison) -> None:
    await prison.edit(EMPTIED, module="MERGE")


class TestTheRealApi(ConditionalNomisContract):
    @pytest.fixture
    async def nomis(self, outgoing: OutgoingSettings, empty: None) -> AsyncIterator[NomisClient]:
        assert empty is None
        async with api_session(outgoing) as api:
            yield GatheredNomis(api, GatherLimits(), conditional_writes=True)

    async def test_those_read_together_are_what_each_alone_is(self, nomis: NomisClient) -> None:
        ids = [await nomis.create(cell(location_code=f"01{n}", description=f"KMI-D-01{n}")) for n in range(3)]
        alone = [await nomis.read(each) for each in ids]
        assert await asyncio.gather(*(nomis.read(each) for each in (*ids, UNKNOWN))) == [*alone, None]

    async def test_a_prison_that_only_has_oth_is_sent_oth(self, nomis: NomisClient) -> None:
        other = NomisUsage(internal_location_usage_type="OTHER", capacity=4)
        location_id = await nomis.create(cell(usages=(other,)))
        await nomis.carry_out(location_id, NomisWrites(update=update(usages=(other,))), None)
        row = await nomis.read(location_id)
        assert row is not None
        assert [usage.internal_location_usage_type for usage in row.location.usages] == ["OTH"]


@pytest.mark.usefixtures("prison")
class TestTheAgencySwitches:
    async def test_a_prison_is_switched_on_and_off_and_twice_is_once(self, outgoing: OutgoingSettings) -> None:
        async with api_session(outgoing) as api:
            nomis = NomisClient(api)
            for on in (True, True, False, False):
                await nomis.set_switch("LIP", "KMI", on=on)
                assert await nomis.switch("LIP", "KMI") is on

    async def test_a_prison_that_is_not_there_is_named(self, outgoing: OutgoingSettings) -> None:
        async with api_session(outgoing) as api:
            with pytest.raises(PrisonUnknown, match="QQI"):
                await NomisClient(api).set_switch("LIP", "QQI", on=True)


class TestTheApiAsPublished(NomisContract):
    @pytest.fixture
    async def nomis(self, outgoing: OutgoingSettings, empty: None) -> AsyncIterator[NomisClient]:
        assert empty is None
        async with api_session(outgoing) as api:
            yield NomisClient(api)


class TestTheBulkReadsOfTheStandIn(NomisEstateContract):
    bulk = True

    @pytest.fixture
    async def nomis(self, outgoing: OutgoingSettings, empty: None) -> AsyncIterator[NomisClient]:
        assert empty is None
        async with api_session(outgoing) as api:
            yield NomisClient(api, bulk_reads=self.bulk)

    @pytest.fixture
    def estate(self, nomis: NomisClient) -> NomisClient:
        return nomis


class TestTheBulkReadsOfTheApiAsPublished(TestTheBulkReadsOfTheStandIn):
    bulk = False


class TestTheBulkReadsOfTheFake(NomisEstateContract):
    bulk = True

    @pytest.fixture
    def nomis(self) -> FakeNomis:
        return FakeNomis(bulk_reads=self.bulk)

    @pytest.fixture
    def estate(self, nomis: FakeNomis) -> BulkNomis:
        return BulkNomis(nomis)


class TestTheBulkReadsOfTheFakeAsPublished(TestTheBulkReadsOfTheFake):
    bulk = False


class TestTheFake(NomisContract):
    @pytest.fixture
    def nomis(self) -> FakeNomis:
        return FakeNomis()


class TestTheConditionalFake(ConditionalNomisContract):
    @pytest.fixture
    def nomis(self) -> FakeNomis:
        return FakeNomis(conditional_writes=True)

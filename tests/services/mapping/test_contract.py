"""The client over the real service keeps what every `Mappings` promises."""

from collections.abc import AsyncIterator

import pytest

from libs.clients.gathered import GatheredMappings
from libs.clients.mapping import MappingClient
from libs.web.gathering import GatherLimits
from libs.web.outgoing import OutgoingSettings, api_session
from tests.conftest import Auth
from tests.contracts.bulk import PairsContract
from tests.contracts.mappings import MappingsContract
from tests.fakes.fake_bulk import BulkMappings
from tests.fakes.fake_mappings import FakeMappings
from tests.services.mapping.conftest import Client


@pytest.fixture
async def mappings(client: Client, auth: Auth) -> AsyncIterator[MappingClient]:
    settings = OutgoingSettings(
        base_url=str(client.make_url("")),
        token_url=auth.token_url,
        client_id="to-nomis",
        client_secret=auth.secrets["to-nomis"],
    )
    async with api_session(settings) as session:
        yield GatheredMappings(session, GatherLimits())


class TestTheMappingServiceThroughItsClient(MappingsContract):
    """Its own `mappings` is the module's."""


class TestItsPairs(PairsContract):
    @pytest.fixture
    def pairs(self, mappings: MappingClient) -> MappingClient:
        return mappings


class TestThePairsOfTheFake(PairsContract):
    @pytest.fixture
    def mappings(self) -> FakeMappings:
        return FakeMappings()

    @pytest.fixture
    def pairs(self, mappings: FakeMappings) -> BulkMappings:
        return BulkMappings(mappings)

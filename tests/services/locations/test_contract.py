"""The client over the real locations API, and the fake of it, keep the same promises."""

from collections.abc import AsyncIterator

import pytest

from libs.clients.locations import LocationsClient
from libs.web.outgoing import OutgoingSettings, api_session
from tests.conftest import Auth
from tests.contracts.locations import Both, LocationsContract
from tests.fakes.fake_locations import FakeLocations
from tests.services.locations.conftest import Client


class TestTheRealApi(LocationsContract):
    @pytest.fixture
    async def locations(self, client: Client, auth: Auth) -> AsyncIterator[Both]:
        name = "migration"
        settings = OutgoingSettings(
            base_url=str(client.make_url("")),
            token_url=auth.token_url,
            client_id=name,
            client_secret=auth.secrets[name],
        )
        async with api_session(settings) as session:
            yield LocationsClient(session)


class TestTheFake(LocationsContract):
    @pytest.fixture
    def locations(self) -> Both:
        return FakeLocations()

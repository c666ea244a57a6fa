"""The client over the real service keeps what every `Mappings` promises."""

from collections.abc import AsyncIterator

import pytest

from libs.clients.mapping import MappingClient
from libs.web.outgoing import OutgoingSettings, api_session
from tests.conftest import Auth
from tests.contracts.mappings import MappingsContract
from tests.services.mapping.conftest import Client


class TestTheMappingServiceThroughItsClient(MappingsContract):
    @pytest.fixture
    async def mappings(self, client: Client, auth: Auth) -> AsyncIterator[MappingClient]:
        settings = OutgoingSettings(
            base_url=str(client.make_url("")),
            token_url=auth.token_url,
            client_id="to-nomis",
            client_secret=auth.secrets["to-nomis"],
        )
        async with api_session(settings) as session:
            yield MappingClient(session)

"""Every HTTP service at once, for these tests only: their workers would take the messages of whoever comes after."""

from collections.abc import AsyncIterator, Mapping

import pytest

from tests.conftest import Auth, BrokerAddress, Databases, MakeToken
from tests.doors.services import Parts, Served, open_all


@pytest.fixture(scope="package")
async def house(
    auth: Auth, databases: Databases, broker: BrokerAddress, token: MakeToken
) -> AsyncIterator[Mapping[str, Served]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", broker.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", broker.secret_key)
        async with open_all(Parts(auth, databases, broker, token)) as served:
            yield served

"""The running service tells what its outbox holds."""

import asyncio

import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from libs.db.pool import DatabaseSettings, connect
from libs.messaging.outbox import Outbox, Outgoing
from services.locations import app
from services.locations.changes.announce import TOPIC
from services.locations.settings import Settings
from tests.conftest import BrokerAddress, MakeDatabase, MakeToken

PATIENCE = 60
WANTED = {"messaging_relay_leader 1.0", "messaging_listener_up 1.0", "messaging_outbox_pending 1.0"}


async def test_metrics_show_what_the_outbox_holds_and_who_publishes(
    locations_settings: Settings,
    database: MakeDatabase,
    broker: BrokerAddress,
    token: MakeToken,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", broker.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", broker.secret_key)
    dsn = await database("libs/messaging/schema", "services/locations/schema")
    async with connect(DatabaseSettings.model_validate({"dsn": dsn})) as db, db.transaction() as tx:
        # No such topic is on the session's broker, so the row waits.
        await Outbox().add(tx, Outgoing(TOPIC, "made", "{}", "A"))
    told = {"database_url": SecretStr(dsn), "relay_enabled": True, "aws_endpoint_url": broker.endpoint_url}
    scrapes = {"Authorization": f"Bearer {token({'ROLE_METRICS'})}"}
    async with (
        app.build(locations_settings.model_copy(update=told)) as built,
        TestClient(TestServer(built), headers=scrapes) as client,
        asyncio.timeout(PATIENCE),
    ):
        while True:
            async with client.get("/metrics") as answer:
                if set((await answer.text()).splitlines()) >= WANTED:
                    break

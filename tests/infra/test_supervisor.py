"""The estate as a whole, with the stand-ins as its services: what it promises when things die."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import asyncpg
import orjson
import psutil
import pytest

from infra.local.__main__ import arguments
from infra.local.broker import answers
from infra.local.child import Child, Command
from infra.local.keeper import Backoff, Keeper
from infra.local.leftovers import AlreadyRunning
from infra.local.logs import cut
from infra.local.ports import PortTaken, ensure_free, free_port
from infra.local.process import ProcessFailed
from infra.local.roster import SERVICES, STAND_INS, ServiceSpec, databases
from infra.local.settings import EstateSettings
from infra.local.supervisor import Estate, purge

SPECS: tuple[ServiceSpec, ...] = STAND_INS[:1]


def settings(directory: Path, **chosen: object) -> EstateSettings:
    return EstateSettings.on_free_ports(directory, restart_first_seconds=0.01, postgres_fsync=False, **chosen)


@pytest.fixture(scope="module")
async def estate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Estate]:
    running = Estate(settings(tmp_path_factory.mktemp("estate")), SPECS)
    await running.start()
    yield running
    await running.stop()


def runs(pid: int) -> bool:
    """A process that is dead but not yet waited for, by whoever took it over, does not run."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def signing_key(estate: Estate) -> object:
    async with (
        aiohttp.ClientSession() as session,
        session.get(estate.endpoints["signIn"]["jwksUrl"]) as answer,
    ):
        return await answer.json()


async def test_what_dies_is_started_again_and_is_found_in_the_endpoints(estate: Estate) -> None:
    key = await signing_key(estate)
    before = orjson.loads(estate.endpoints_file.read_bytes())
    for name in ("sign_in", "broker", "postgres"):
        estate.kill(name, signal.SIGKILL)
    for name in ("sign_in", "broker", "postgres"):
        await estate.wait_ready(name)
        assert estate.restarts(name) >= 1
    after = orjson.loads(estate.endpoints_file.read_bytes())
    assert after["services"]["sign_in"]["pid"] != before["services"]["sign_in"]["pid"]
    assert after["broker"]["pid"] != before["broker"]["pid"]
    assert after == estate.endpoints
    assert await signing_key(estate) == key


async def test_the_endpoints_are_for_their_owner_only_and_lead_to_a_token(estate: Estate) -> None:
    assert estate.endpoints_file.stat().st_mode & 0o777 == 0o600
    sign_in = orjson.loads(estate.endpoints_file.read_bytes())["signIn"]
    headers = {"Authorization": aiohttp.encode_basic_auth("operator", sign_in["clients"]["operator"]["secret"])}
    form = {"grant_type": "client_credentials"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(sign_in["tokenUrl"], data=form, headers=headers) as answer,
    ):
        assert answer.status == 200


async def test_another_of_a_kind_joins_on_a_port_of_its_own_and_leaves(estate: Estate) -> None:
    second = replace(SPECS[0], number=2)
    await estate.join(second)
    found = orjson.loads(estate.endpoints_file.read_bytes())["services"]
    assert found.keys() == {"sign_in", "sign_in-2"}
    assert await answers(found["sign_in-2"]["url"] + second.ready_path)
    await estate.leave(second)
    assert orjson.loads(estate.endpoints_file.read_bytes())["services"].keys() == {"sign_in"}
    assert not await answers(found["sign_in-2"]["url"] + second.ready_path)
    assert await answers(found["sign_in"]["url"] + second.ready_path)


def test_replicas_are_numbered_have_ports_of_their_own_and_one_database(tmp_path: Path) -> None:
    estate = Estate(settings(tmp_path, replicas={"mapping": 3}), SERVICES)
    assert [spec.part for spec in estate.specs if spec.name == "mapping"] == ["mapping", "mapping-2", "mapping-3"]
    assert len(set(estate.ports.values())) == len(estate.ports)
    assert databases(estate.specs) == databases(SERVICES)


async def test_a_second_start_on_the_same_data_is_refused(estate: Estate) -> None:
    second = Estate(estate.settings, SPECS)
    with pytest.raises(AlreadyRunning, match=str(os.getpid())):
        await second.start()
    await second.stop()
    with pytest.raises(AlreadyRunning):
        await purge(estate.settings)
    assert estate.endpoints_file.exists()


async def test_everything_listens_on_loopback_only(estate: Estate) -> None:
    for pid in (estate.endpoints["broker"]["pid"], estate.endpoints["services"]["sign_in"]["pid"]):
        listening = [c for c in psutil.Process(pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]
        assert listening
        assert {c.laddr.ip for c in listening} == {"127.0.0.1"}


def test_a_free_port_stays_ours_to_listen_on_and_is_given_to_nobody_else() -> None:
    port = free_port()
    others = [socket.socket() for _ in range(50)]
    try:
        for other in others:
            other.bind(("127.0.0.1", 0))
        assert port not in {other.getsockname()[1] for other in others}
        with pytest.raises(OSError, match="in use"), socket.socket() as other:
            other.bind(("127.0.0.1", port))
    finally:
        for other in others:
            other.close()
    for _ in range(2):
        ensure_free(port, "PORT")
        with socket.create_server(("127.0.0.1", port)), pytest.raises(PortTaken):
            ensure_free(port, "PORT")


async def test_every_taken_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as one, socket.socket() as other:
        ports = []
        for taken in (one, other):
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            ports.append(taken.getsockname()[1])
        estate = Estate(settings(tmp_path, sign_in_port=ports[0], broker_port=ports[1]), SPECS)
        with pytest.raises(ExceptionGroup) as caught:
            await estate.start()
        assert caught.group_contains(PortTaken, match=f"{ports[0]}.*SIGN_IN_PORT")
        assert caught.group_contains(PortTaken, match=f"{ports[1]}.*BROKER_PORT")
        assert estate.names == ()
        await estate.stop()


async def test_when_a_part_cannot_start_the_log_is_named_and_nothing_is_left_running(tmp_path: Path) -> None:
    broken = settings(tmp_path, service_env={"sign_in": {"SIGN_IN_SECRETS": "no JSON"}})
    estate = Estate(broken, SPECS)
    with pytest.raises(ExceptionGroup) as caught:
        await estate.start()
    assert caught.group_contains(ProcessFailed, match="sign_in.*logs/sign_in.log")
    broker = psutil.Process(estate.endpoints["broker"]["pid"])
    await estate.stop()
    assert not broker.is_running()


async def test_after_a_sigkill_of_the_supervisor_a_new_start_finds_the_data_and_no_leftovers(tmp_path: Path) -> None:
    data = tmp_path / "data"
    command = (sys.executable, "-m", "tests.infra.small_estate", str(data))
    supervisor = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert supervisor.stdout is not None
    output = b""
    while b"endpoints.json" not in output:
        output += await supervisor.stdout.readline()
    first = orjson.loads((data / "endpoints.json").read_bytes())
    supervisor.kill()
    await supervisor.communicate()

    estate = Estate(settings(data), SPECS)
    await estate.start()
    gone = [first["broker"]["pid"], first["postgres"]["pid"], first["services"]["sign_in"]["pid"]]
    assert not [pid for pid in gone if runs(pid)]
    assert estate.endpoints["signIn"]["clients"] == first["signIn"]["clients"]
    await estate.stop()
    (data / "mine.txt").write_text("not the estate's")
    await purge(estate.settings)
    assert [path.name for path in data.iterdir()] == ["mine.txt"]


class Sleeper:
    """A part that does nothing until it is ended."""

    name = "sleeper"

    def __init__(self, output: Path) -> None:
        self._output = output
        self.child: Child | None = None

    async def start(self) -> None:
        command = Command(
            self.name, (sys.executable, "-c", "import signal; signal.pause()"), {}, cwd=self._output.parent
        )
        self.child = await Child.start(command, self._output)

    async def stop(self) -> None:
        if self.child is not None:
            await self.child.stop(5)
            self.child = None


async def test_what_dies_is_started_again_also_when_what_follows_a_start_fails(tmp_path: Path) -> None:
    # As a broker's is, while the database, whose outboxes are to be published again, is starting, too.
    starts: asyncio.Queue[bool] = asyncio.Queue()

    async def follows(again: bool) -> None:
        await starts.put(again)
        if again and hindrances:
            raise hindrances.pop()

    hindrances = [asyncpg.CannotConnectNowError("the database system is starting up")]
    keeper = Keeper(Sleeper(tmp_path / "log"), Backoff(0.01, 0.01, 0), follows)
    async with asyncio.timeout(60):
        await keeper.start()
        try:
            keeper.kill(signal.SIGKILL)
            assert [await starts.get() for _ in range(3)] == [False, True, True]
            await keeper.ready.wait()
        finally:
            await keeper.stop()
    assert (keeper.restarts, hindrances) == (1, [])


def test_a_log_is_cut_and_its_end_kept_beside(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    with file.open("ab") as writer:
        writer.write(b"x" * 100)
        writer.flush()
        assert cut(file, bytes_max=99)
        writer.write(b"y")
        writer.flush()
    assert file.read_bytes() == b"y"
    assert (tmp_path / "a.log.1").read_bytes() == b"x" * 100
    assert not cut(file, bytes_max=99)


def test_the_pause_before_a_restart_doubles_within_bounds() -> None:
    backoff = Backoff(first_seconds=0.2, longest_seconds=10, forgiven_seconds=30)
    assert [backoff.pause(deaths) for deaths in (1, 2, 3, 7, 1000)] == [0.2, 0.4, 0.8, 10, 10]


def test_ports_are_flags_and_wrong_ones_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    command, chosen = arguments(["up", "--locations-port", "9001"])
    assert (command, chosen.locations_port) == ("up", 9001)
    with pytest.raises(SystemExit):
        arguments(["up", "--locations-port", "many"])
    assert "locations_port" in capsys.readouterr().err
    assert arguments(["up", "--replicas", '{"to_nomis": 3}'])[1].replicas == {"to_nomis": 3}
    with pytest.raises(SystemExit):
        arguments(["up", "--replicas", '{"to_noms": 3}'])
    assert "to_noms" in capsys.readouterr().err

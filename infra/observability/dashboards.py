"""`python -m infra.observability.dashboards` writes the Grafana dashboards; a test keeps files and code the same."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

FOLDER = Path(__file__).parent / "dashboards"
SOURCE = MappingProxyType({"type": "prometheus", "uid": "prometheus"})
COLUMNS, WIDTH, HEIGHT = 3, 8, 8


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture: expressions by their legends. `unit` is Grafana's name (s, short, reqps, bytes, percentunit)."""

    title: str
    queries: Mapping[str, str]
    unit: str = "short"
    kind: str = "timeseries"


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of panels; with `choose` one value of a label is chosen at its head."""

    uid: str
    title: str
    panels: Sequence[Panel]
    choose: tuple[str, str] | None = None


def p(quantile: float, histogram: str, by: str, where: str = "") -> str:
    """Write a quantile of a histogram over five minutes."""
    return f"histogram_quantile({quantile}, sum by (le, {by}) (rate({histogram}_bucket{where}[5m])))"


def lag(quantile: float) -> str:
    """Write how long a change takes from its commit to the end of its handling, for each direction."""
    return p(quantile, "messaging_end_to_end_seconds", "queue", '{queue=~"(to|from)-nomis-locations"}')


ESTATE = Dashboard(
    "locations-estate",
    "Locations: the estate at a glance",
    (
        Panel("Services up", {"{{service}}": "sum by (service) (up)"}, kind="stat"),
        Panel("Sync lag, 95 in 100", {"{{queue}}": lag(0.95)}, "s"),
        Panel("Dead letters", {"{{queue}}": "max by (queue) (messaging_dlq_messages)"}, kind="stat"),
        Panel("Oldest message", {"{{queue}}": "max by (queue) (messaging_queue_oldest_seconds)"}, "s"),
        Panel("Outboxes: oldest row", {"{{service}}": "max by (service) (messaging_outbox_oldest_seconds)"}, "s"),
        Panel("Outboxes: dead rows", {"{{service}}": "max by (service) (messaging_outbox_dead)"}, kind="stat"),
        Panel(
            "Requests answered with 5xx",
            {"{{service}}": 'sum by (service) (rate(http_server_requests_seconds_count{status=~"5.."}[5m]))'},
            "reqps",
        ),
        Panel("Polling paused", {"{{queue}}": "max by (queue) (messaging_paused)"}, kind="stat"),
        Panel(
            "Mismatches of the last full run",
            {"{{finding}}": "max by (finding) (reconciliation_run_mismatches)"},
            kind="stat",
        ),
        Panel(
            "Locations that wait, or cannot settle",
            {"waiting": "max(reconciliation_due)", "parked": "max(reconciliation_parked)"},
        ),
        Panel("Event loop lag, 99 in 100", {"{{service}}": p(0.99, "event_loop_lag_seconds", "service")}, "s"),
        Panel("Memory", {"{{service}}": "max by (service) (process_resident_memory_bytes)"}, "bytes"),
    ),
)
MIGRATION = Dashboard(
    "locations-migration",
    "Locations: one migration",
    (
        Panel("Locations by state", {"{{state}}": "max by (state) (migration_items)"}),
        Panel("Under way", {"{{type}}": "max by (type) (migration_active)", "paused": "max(migration_paused)"}),
        Panel(
            "Done, of what NOMIS had",
            {
                "done": 'sum(max by (state) (migration_items{state=~"migrated|skipped|failed"}))'
                " / max(migration_estimated_items)"
            },
            "percentunit",
            kind="gauge",
        ),
        Panel("Pace", {"a second": 'deriv(sum(max by (state) (migration_items{state="migrated"}))[5m:15s])'}, "cps"),
        Panel(
            "Pages by their end",
            {"{{outcome}}": 'sum by (outcome) (rate(messaging_processed_total{queue="migration-locations"}[5m]))'},
        ),
        Panel(
            "Seconds a page takes",
            {"{{event_type}}": p(0.95, "messaging_handler_seconds", "event_type", '{queue="migration-locations"}')},
            "s",
        ),
        Panel(
            "What migration asks of the locations API",
            {
                "{{status}}": "sum by (status) "
                '(rate(http_server_requests_seconds_count{uri="/migrate/locations/batch"}[5m]))'
            },
            "reqps",
        ),
        Panel(
            "Connections of databases",
            {"{{service}}": "max by (service) (db_pool_connections - db_pool_connections_idle)"},
        ),
    ),
)
SYNC = Dashboard(
    "locations-sync",
    "Locations: sync",
    (
        Panel("Lag, half", {"{{queue}}": lag(0.5)}, "s"),
        Panel("Lag, 95 in 100", {"{{queue}}": lag(0.95)}, "s"),
        Panel("Lag, 99 in 100", {"{{queue}}": lag(0.99)}, "s"),
        Panel(
            "Messages by their end",
            {"{{queue}} {{outcome}}": "sum by (queue, outcome) (rate(messaging_processed_total[5m]))"},
        ),
        Panel("Waiting", {"{{queue}} {{state}}": "max by (queue, state) (messaging_queue_messages)"}),
        Panel(
            "Dead-lettered, by reason",
            {"{{queue}} {{reason}}": "sum by (queue, reason) (increase(messaging_dead_lettered_total[1h]))"},
        ),
        Panel("Seconds of handlers, 95 in 100", {"{{queue}}": p(0.95, "messaging_handler_seconds", "queue")}, "s"),
        Panel(
            "Slots in use",
            {"{{queue}}": "sum by (queue) (messaging_slots_in_use) / sum by (queue) (messaging_slots_limit)"},
            "percentunit",
        ),
        Panel(
            "Leases",
            {
                "{{queue}} held": "sum by (queue) (messaging_leases_held)",
                "{{queue}} lost": "sum by (queue) (increase(messaging_leases_lost_total[1h]))",
            },
        ),
        Panel(
            "Switches",
            {"{{event_type}} {{mode}}": 'max by (event_type, mode) (messaging_feature_switch{mode!="on"}) > 0'},
            kind="stat",
        ),
        Panel("Published", {"{{topic}} {{outcome}}": "sum by (topic, outcome) (rate(messaging_published_total[5m]))"}),
        Panel("Outbox", {"{{service}} waits": "max by (service) (messaging_outbox_pending)"}),
    ),
)
RECONCILIATION = Dashboard(
    "locations-reconciliation",
    "Locations: reconciliation",
    (
        Panel("Wait for a check", {"waiting": "max(reconciliation_due)"}),
        Panel("How late the longest waiting check is", {"late": "max(reconciliation_due_oldest_seconds)"}, "s"),
        Panel("Cannot settle", {"parked": "max(reconciliation_parked)"}, kind="stat"),
        Panel("Last full run", {"{{finding}}": "max by (finding) (reconciliation_run_mismatches)"}, kind="stat"),
        Panel(
            "Since the last full run",
            {"age": "time() - max(reconciliation_run_completed_timestamp_seconds)"},
            "s",
            kind="stat",
        ),
        Panel(
            "Runs",
            {"under way": "max(reconciliation_run_active)", "failed": "max(reconciliation_run_failed)"},
        ),
        Panel(
            "Changes noted",
            {
                "{{event_type}}": "sum by (event_type) "
                '(rate(messaging_processed_total{queue="reconciliation-locations"}[5m]))'
            },
        ),
    ),
)
CHOSEN = '{service="$service"}'
SERVICE = Dashboard(
    "locations-service",
    "Locations: one service",
    (
        Panel(
            "Requests",
            {"{{method}} {{uri}}": f"sum by (method, uri) (rate(http_server_requests_seconds_count{CHOSEN}[5m]))"},
            "reqps",
        ),
        Panel("Seconds, 95 in 100", {"{{uri}}": p(0.95, "http_server_requests_seconds", "uri", CHOSEN)}, "s"),
        Panel(
            "By status",
            {"{{status}}": f"sum by (status) (rate(http_server_requests_seconds_count{CHOSEN}[5m]))"},
            "reqps",
        ),
        Panel("Being answered", {"now": f"sum(http_server_requests_active{CHOSEN})"}),
        Panel(
            "Unforeseen failures",
            {"{{exception}}": f"sum by (exception) (increase(http_server_failures_total{CHOSEN}[1h]))"},
        ),
        Panel(
            "Connections of its database",
            {
                "open": f"sum(db_pool_connections{CHOSEN})",
                "idle": f"sum(db_pool_connections_idle{CHOSEN})",
                "most": f"sum(db_pool_connections_max{CHOSEN})",
            },
        ),
        Panel("Event loop lag, 99 in 100", {"lag": p(0.99, "event_loop_lag_seconds", "service", CHOSEN)}, "s"),
        Panel("CPU", {"cores": f"sum(rate(process_cpu_seconds_total{CHOSEN}[5m]))"}),
        Panel("Memory", {"{{instance}}": f"process_resident_memory_bytes{CHOSEN}"}, "bytes"),
    ),
    choose=("service", "label_values(up, service)"),
)
DASHBOARDS = (ESTATE, MIGRATION, SYNC, RECONCILIATION, SERVICE)


def written(dashboard: Dashboard) -> str:
    """Return the dashboard as Grafana reads it."""
    variables = [_variable(*dashboard.choose)] if dashboard.choose else []
    told = {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["locations"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": variables},
        "panels": [_panel(place, panel) for place, panel in enumerate(dashboard.panels)],
    }
    return json.dumps(told, indent=2) + "\n"


def files() -> Iterator[tuple[Path, str]]:
    """Give each file and what belongs in it."""
    for dashboard in DASHBOARDS:
        yield FOLDER / f"{dashboard.uid}.json", written(dashboard)


def _panel(place: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(place, COLUMNS)
    return {
        "id": place + 1,
        "title": panel.title,
        "type": panel.kind,
        "datasource": dict(SOURCE),
        "gridPos": {"h": HEIGHT, "w": WIDTH, "x": column * WIDTH, "y": row * HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": dict(SOURCE), "expr": expr, "legendFormat": legend}
            for number, (legend, expr) in enumerate(panel.queries.items())
        ],
    }


def _variable(name: str, query: str) -> dict[str, Any]:
    return {"name": name, "type": "query", "datasource": dict(SOURCE), "query": query, "refresh": 2, "sort": 1}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, text in files():
        file.write_text(text)

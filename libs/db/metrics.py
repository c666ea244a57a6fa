"""The pool's numbers, worked out when they are scraped."""

from prometheus_client import CollectorRegistry

from libs.db.pool import Database
from libs.telemetry.metrics import asked


def watch_pool(registry: CollectorRegistry, database: Database) -> None:
    """Register the pool of a process; a process has one."""
    pool = database.pool
    asked(registry, "db_pool_connections", "Connections that are open", pool.get_size)
    asked(registry, "db_pool_connections_idle", "Connections that are open and lent to nobody", pool.get_idle_size)
    asked(registry, "db_pool_connections_max", "Connections there may be", pool.get_max_size)

"""What the machine was like while something was measured: without it no figure means anything."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil


def load_average() -> tuple[float, float, float]:
    """Return the load over one, five and fifteen minutes."""
    return os.getloadavg()


def described() -> dict[str, Any]:
    """Say what this machine is."""
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),  # noqa: TID251 - a report says when it was made
        "processor": processor(),
        "cores": psutil.cpu_count(),
        "memoryGB": round(psutil.virtual_memory().total / 1e9, 1),
        "system": platform.platform(aliased=True, terse=True),
        "python": platform.python_version(),
        "loadBefore": load_average(),
    }


def processor() -> str:
    """Return the processor's name, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")

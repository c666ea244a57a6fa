"""What a process writes: one JSON object a line, stacks without the values of variables."""

import json
import subprocess
import sys
from typing import Any

from tests.conftest import ROOT


def lines(program: str) -> list[dict[str, Any]]:
    """Run in a process of its own: logging is set up once for each."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    return [json.loads(line) for line in done.stdout.splitlines()]


START = "import structlog, logging; from libs.telemetry.logging import configure; configure('mapping'); "


def test_an_event_is_one_line_that_names_the_service() -> None:
    [line] = lines(START + "structlog.get_logger().info('saved', id='x', n=1); structlog.get_logger().debug('no')")
    assert line.pop("at").endswith("Z")
    assert line == {"event": "saved", "id": "x", "n": 1, "level": "info", "service": "mapping"}


def test_a_line_names_the_span_it_was_written_in() -> None:
    under = "from libs.telemetry.tracing import TraceContext, bound\nwith bound(TraceContext('a' * 32, 'b' * 16)): "
    line, after = lines(START + under + "logging.getLogger('x').warning('in')\nstructlog.get_logger().info('out')")
    assert (line["traceId"], line["spanId"]) == ("a" * 32, "b" * 16)
    assert "traceId" not in after


def test_the_standard_library_speaks_the_same_way() -> None:
    [line] = lines(START + "logging.getLogger('asyncpg').warning('slow %s', 1)")
    assert (line["event"], line["level"], line["logger"], line["service"]) == (
        "slow 1",
        "warning",
        "asyncpg",
        "mapping",
    )


def test_a_stack_shows_no_values() -> None:
    program = START + (
        "\ndef f():\n  secret = 'hunter2'\n  raise ValueError('bad')\n"
        "try:\n  f()\nexcept ValueError:\n  structlog.get_logger().exception('failed')"
    )
    [line] = lines(program)
    assert line["exception"][0]["exc_type"] == "ValueError"
    assert "hunter2" not in json.dumps(line)

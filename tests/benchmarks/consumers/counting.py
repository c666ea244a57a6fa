"""The clock of a contestant: from the first message it had to the last one it was done with."""

import asyncio
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import orjson
import psutil


@dataclass(frozen=True)
class Task:
    """What a contestant is told, as JSON in its first argument."""

    endpoint: str
    queue: str
    count: int
    concurrency: int
    handler_seconds: float

    @classmethod
    def given(cls) -> "Task":
        """Read it."""
        return cls(**orjson.loads(sys.argv[1]))

    @property
    def client(self) -> dict[str, Any]:
        """What an AWS client needs."""
        return {
            "region_name": "eu-west-2",
            "endpoint_url": self.endpoint,
            "aws_access_key_id": "local",
            "aws_secret_access_key": "local-only",
        }


@dataclass
class Clock:
    """Counts what was done; `over` is set at the last."""

    count: int
    over: asyncio.Event = field(default_factory=asyncio.Event)
    done: int = 0
    began: float = 0.0
    cpu_began: float = 0.0
    ended: float = 0.0
    cpu_ended: float = 0.0

    def begin(self) -> None:
        """Start with the first message; further calls change nothing."""
        if not self.began:
            self.began, self.cpu_began = time.perf_counter(), time.process_time()

    def add(self, count: int = 1) -> None:
        """Count what was done, and stop at the last."""
        self.done += count
        if self.done >= self.count and not self.ended:
            self.ended, self.cpu_ended = time.perf_counter(), time.process_time()
            self.over.set()

    def tell(self) -> None:
        """Print the line."""
        told = {
            "handled": self.done,
            "seconds": self.ended - self.began,
            "cpu": self.cpu_ended - self.cpu_began,
            "MB": psutil.Process().memory_info().rss / 1e6,
        }
        sys.stdout.write(orjson.dumps(told).decode() + "\n")
        sys.stdout.flush()

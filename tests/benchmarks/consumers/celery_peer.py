"""celery over kombu's SQS transport, a pool of threads, acknowledged late; `make` sends one message as it would."""

import os
import sys
import threading
import time

from celery import Celery
from celery.worker import WorkController

from tests.benchmarks.consumers.counting import Clock, Task


def application(task: Task) -> Celery:
    """Configure it as its documentation advises for SQS: predefined queue, long polls, no results."""
    host = task.endpoint.removeprefix("http://")
    app = Celery("bench", broker=f"sqs://local:local-only@{host}/")
    app.conf.update(
        task_default_queue=task.queue,
        task_acks_late=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        broker_transport_options={
            "region": "eu-west-2",
            "is_secure": False,
            "wait_time_seconds": 5,
            "polling_interval": 0,
            "visibility_timeout": 60,
        },
    )
    return app


def main() -> None:
    """Take all there is, or send one message."""
    task = Task.given()
    app = application(task)
    clock, lock = Clock(task.count), threading.Lock()

    def handle(_: str) -> None:
        with lock:
            clock.begin()
        if task.handler_seconds:
            time.sleep(task.handler_seconds)  # noqa: TID251 - a thread of celery's
        with lock:
            clock.add()
            over = clock.ended
        if over:
            # The pool's threads end with the process; what is done is counted.
            clock.tell()
            os._exit(0)

    send = app.task(handle, name="handle")
    if "make" in sys.argv:
        send.delay("x" * 200)
        return
    worker = WorkController(
        app=app,
        pool_cls="threads",
        concurrency=task.concurrency,
        loglevel="ERROR",
        without_heartbeat=True,
        without_mingle=True,
        without_gossip=True,
    )
    worker.start()


if __name__ == "__main__":
    main()

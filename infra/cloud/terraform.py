"""Writes `infra/terraform/locations.tf.json` from `infra/messaging.json` and the table of rights: AWS's side of both.

`python -m infra.cloud` writes it; a test keeps the two the same. JSON is Terraform's and OpenTofu's own second syntax.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.cloud.rights import CONSUME, PUBLISH, SEND, SERVICES, Deployed
from libs.messaging.building import access_policy, fifo_queue
from libs.messaging.parking import RETENTION_SECONDS
from libs.messaging.sqs import dead_letter_of, parked_of
from libs.messaging.topology import QueuePlan, Topology

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "infra" / "terraform" / "locations.tf.json"


def document(topology: Topology) -> dict[str, Any]:
    """Return the whole of it."""
    return {
        "terraform": {"required_version": ">= 1.6", "required_providers": {"aws": {"version": ">= 5.60"}}},
        "variable": {
            "prefix": {"type": "string", "description": "What stands before every name, as dev-"},
            "kms_key_arn": {
                "type": "string",
                "description": "ARN of the key of topics, queues and databases; SNS must be allowed to use it",
            },
            "subnet_group": {"type": "string", "description": "Where databases stand"},
            "security_groups": {"type": "list(string)", "description": "Who reaches databases"},
            "database_class": {"type": "string", "default": "db.t4g.medium"},
        },
        "resource": {
            "aws_sns_topic": {_id(name): _topic(name) for name in topology.topics},
            "aws_sqs_queue": dict(_queues(topology)),
            "aws_sqs_queue_policy": dict(_queue_policies(topology)),
            "aws_sns_topic_subscription": dict(_subscriptions(topology)),
            "aws_db_parameter_group": {"tls": _tls()},
            "aws_db_instance": {name: _database(name) for name, each in SERVICES.items() if each.database},
            "aws_iam_policy": {
                name: _policy(name, statements) for name, each in SERVICES.items() if (statements := _statements(each))
            },
        },
        "output": {
            "aws_names": {"description": "AWS_NAMES of every service", "value": _names(topology)},
            "policies": {
                "value": {name: f"${{aws_iam_policy.{name}.arn}}" for name, each in SERVICES.items() if each.broker}
            },
        },
    }


def written() -> str:
    """Return the file's text."""
    return json.dumps(document(Topology.load(ROOT / "infra" / "messaging.json")), indent=2) + "\n"


def _tags() -> dict[str, str]:
    return {"application": "locations", "source": "infra/messaging.json"}


def _id(name: str) -> str:
    return name.replace(".", "-")


def _called(name: str) -> str:
    return "${var.prefix}" + name


def _topic(name: str) -> dict[str, Any]:
    return {"name": _called(name), "kms_master_key_id": "${var.kms_key_arn}", "tags": _tags()}


def _queues(topology: Topology) -> Iterator[tuple[str, Any]]:
    for name, plan in topology.queues.items():
        dead = dead_letter_of(name)
        sealed = {"kms_master_key_id": "${var.kms_key_arn}", "tags": _tags(), **_fifo(name)}
        yield _id(dead), sealed | {
            "name": _called(dead), "message_retention_seconds": plan.dead_letter.retention_seconds,
        }  # fmt: skip
        yield _id(parked_of(name)), sealed | {
            "name": _called(parked_of(name)), "message_retention_seconds": RETENTION_SECONDS,
        }  # fmt: skip
        target = f"${{aws_sqs_queue.{_id(dead)}.arn}}"
        yield (
            _id(name),
            sealed
            | {
                "name": _called(name),
                "visibility_timeout_seconds": plan.visibility_seconds,
                "message_retention_seconds": plan.retention_seconds,
                "redrive_policy": json.dumps(
                    {"deadLetterTargetArn": target, "maxReceiveCount": plan.max_receive_count}
                ),
            },
        )


def _fifo(name: str) -> dict[str, bool]:
    return {"fifo_queue": True} if fifo_queue(name) else {}


def _topics_of(plan: QueuePlan) -> list[str]:
    return sorted({each.topic for each in plan.subscriptions})


def _queue_policies(topology: Topology) -> Iterator[tuple[str, Any]]:
    for name, plan in topology.queues.items():
        if topics := _topics_of(plan):
            arns = [f"${{aws_sns_topic.{_id(topic)}.arn}}" for topic in topics]
            policy = access_policy(f"${{aws_sqs_queue.{_id(name)}.arn}}", arns)
            yield _id(name), {"queue_url": f"${{aws_sqs_queue.{_id(name)}.url}}", "policy": json.dumps(policy)}


def _subscriptions(topology: Topology) -> Iterator[tuple[str, Any]]:
    for name, plan in topology.queues.items():
        for each in plan.subscriptions:
            yield (
                f"{_id(name)}-from-{_id(each.topic)}",
                {
                    "topic_arn": f"${{aws_sns_topic.{_id(each.topic)}.arn}}",
                    "protocol": "sqs",
                    "endpoint": f"${{aws_sqs_queue.{_id(name)}.arn}}",
                    "raw_message_delivery": each.raw,
                    **({"filter_policy": json.dumps(dict(each.filter))} if each.filter else {}),
                },
            )


def _tls() -> dict[str, Any]:
    return {
        "name": _called("locations-tls"),
        "family": "postgres18",
        "parameter": [{"name": "rds.force_ssl", "value": "1"}],
    }


def _database(name: str) -> dict[str, Any]:
    """One server for one service: nobody else's login exists there."""
    return {
        "identifier": _called(f"{name}-database"),
        "engine": "postgres",
        "engine_version": "18",
        "instance_class": "${var.database_class}",
        "allocated_storage": 50,
        "max_allocated_storage": 200,
        "storage_encrypted": True,
        "kms_key_id": "${var.kms_key_arn}",
        "db_name": name,
        # Owns the tables; the login `NAME_runtime` that the service has is made once by hand (docs/operations.md).
        "username": name,
        "manage_master_user_password": True,
        "parameter_group_name": "${aws_db_parameter_group.tls.name}",
        "db_subnet_group_name": "${var.subnet_group}",
        "vpc_security_group_ids": "${var.security_groups}",
        "multi_az": True,
        "backup_retention_period": 14,
        "deletion_protection": True,
        "publicly_accessible": False,
        "tags": _tags(),
    }


def _statements(service: Deployed) -> list[dict[str, Any]]:
    told = []
    for name in service.consumes:
        queues = [name, dead_letter_of(name), parked_of(name)]
        told.append(_allow(CONSUME, [f"${{aws_sqs_queue.{_id(each)}.arn}}" for each in queues]))
    if service.sends:
        told.append(_allow(SEND, [f"${{aws_sqs_queue.{_id(each)}.arn}}" for each in service.sends]))
    if service.publishes:
        told.append(_allow(PUBLISH, [f"${{aws_sns_topic.{_id(each)}.arn}}" for each in service.publishes]))
    if told:
        told.append(_allow(("kms:Decrypt", "kms:GenerateDataKey"), ["${var.kms_key_arn}"]))
    return told


def _allow(actions: Sequence[str], resources: Sequence[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def _policy(name: str, statements: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "name": _called(f"{name}-messaging"),
        "policy": json.dumps({"Version": "2012-10-17", "Statement": list(statements)}),
        "tags": _tags(),
    }


def _names(topology: Topology) -> dict[str, str]:
    queues = [each for name in topology.queues for each in (name, dead_letter_of(name), parked_of(name))]
    return {name: f"${{aws_sns_topic.{_id(name)}.arn}}" for name in topology.topics} | {
        name: f"${{aws_sqs_queue.{_id(name)}.name}}" for name in queues
    }

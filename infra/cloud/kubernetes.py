"""Writes the Helm chart's templates: one file for each service, all of one mould; the values are Helm's to fill in.

`python -m infra.cloud` writes them; tests keep files and code the same, render them with Helm and hold all of them to
the Kubernetes schemas. A template has nothing but `{{ .Values.… }}`: conditions and loops are here.
"""

import json
import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from infra.cloud.rights import OPERATORS, SERVICES, Deployed
from infra.local.roster import roster
from infra.local.settings import EstateSettings

CHART = Path(__file__).resolve().parents[2] / "infra" / "helm" / "locations"
DATABASE_PORT, HTTPS, DNS = 5432, 443, 53
USER = 10001
CA_FOLDER = "/etc/database-ca"
# When each runs is a value; what it does is not.
TIMETABLE = MappingProxyType({"weekly-reconciliation": ("reconcile", "run"), "dead-letters-check": ("queues", "show")})


def called(service: str) -> str:
    """Name a service as Kubernetes allows."""
    return service.replace("_", "-")


def ports() -> dict[str, int]:
    """Return each service's port, the same everywhere."""
    settings = EstateSettings()
    return {spec.name: getattr(settings, spec.port_setting) for spec in roster() if spec.name in SERVICES}


def files() -> Iterator[tuple[Path, str]]:
    """Give each template and what belongs in it."""
    for name, deployed in SERVICES.items():
        yield CHART / "templates" / f"{called(name)}.yaml", _text(manifests(name, deployed))
    yield CHART / "templates" / "operators.yaml", _text(operators())
    yield CHART / "templates" / "default-deny.yaml", _text([_default_deny()])


def manifests(name: str, deployed: Deployed) -> list[dict[str, Any]]:
    """Return everything that one service is made of."""
    return [
        _account(name),
        _deployment(name, deployed),
        _service(name),
        _disruption(name),
        _policy(name, deployed),
        _scaling(name, deployed),
        *(_schema_steps(name) if deployed.database else ()),
    ]


def operators() -> list[dict[str, Any]]:
    """Return what runs on a timetable, and whom it may ask."""
    return [
        _policy("operators", OPERATORS),
        *(_cron(name, words) for name, words in TIMETABLE.items()),
    ]


def _text(each: list[dict[str, Any]]) -> str:
    text = yaml.safe_dump_all(each, sort_keys=False, width=1000)
    # A number must not be quoted once it is filled in.
    return "# Written by python -m infra.cloud.\n" + re.sub(r"'(\{\{ [^}]*\| int \}\})'", r"\1", text)


def _meta(name: str, **annotations: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": called(name), "app.kubernetes.io/part-of": "locations"}
    return {"name": called(name), "labels": labels, **({"annotations": annotations} if annotations else {})}


def _selector(name: str) -> dict[str, Any]:
    return {"matchLabels": {"app.kubernetes.io/name": called(name)}}


def _account(name: str) -> dict[str, Any]:
    role = {"eks.amazonaws.com/role-arn": f"{{{{ .Values.roles.{name} }}}}"}
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _meta(name, **role),
        "automountServiceAccountToken": False,
    }


def _deployment(name: str, deployed: Deployed) -> dict[str, Any]:
    pod = {
        "serviceAccountName": called(name),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 45,
        "securityContext": _nobody(),
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": _selector(name),
            }
        ],
        "containers": [_container(name, deployed)],
        "volumes": _volumes(database=deployed.database),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta(name),
        "spec": {
            "selector": _selector(name),
            # Replicas are the scaler's.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": _meta(name)["labels"]}, "spec": pod},
        },
    }


def _container(name: str, deployed: Deployed) -> dict[str, Any]:
    probe = {"port": "http", "scheme": "HTTP"}
    return {
        "name": called(name),
        "image": _image(name),
        "ports": [{"name": "http", "containerPort": ports()[name]}],
        "env": list(_environment(name, deployed)),
        # Client and secret, the database's URL with its password, and sealing keys: by reference, never in values.
        "envFrom": [{"secretRef": {"name": f"{called(name)}-secrets"}}],
        "securityContext": _confined(),
        "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "startupProbe": {"httpGet": {"path": "/health/liveness", **probe}, "periodSeconds": 2, "failureThreshold": 60},
        "livenessProbe": {"httpGet": {"path": "/health/liveness", **probe}, "periodSeconds": 10, "failureThreshold": 3},
        "readinessProbe": {"httpGet": {"path": "/health/readiness", **probe}, "periodSeconds": 5},
        "volumeMounts": _mounts(database=deployed.database),
    }


def _nobody() -> dict[str, Any]:
    return {"runAsNonRoot": True, "runAsUser": USER, "seccompProfile": {"type": "RuntimeDefault"}}


def _confined() -> dict[str, Any]:
    return {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def _image(name: str) -> str:
    return f"{{{{ .Values.image.repository }}}}/{called(name)}:{{{{ .Values.image.tag }}}}"


def _volumes(*, database: bool) -> list[dict[str, Any]]:
    authority = {"name": "database-ca", "configMap": {"name": "{{ .Values.databaseCaConfigMap }}"}}
    return [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}, *([authority] if database else [])]


def _mounts(*, database: bool) -> list[dict[str, Any]]:
    authority = {"name": "database-ca", "mountPath": CA_FOLDER, "readOnly": True}
    tmp = {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108 - a volume of the pod's own
    return [tmp, *([authority] if database else [])]


def _database_tls() -> str:
    return json.dumps({"required": True, "ca_file": f"{CA_FOLDER}/ca.pem"})


def _variables(told: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": variable, "value": value} for variable, value in told.items()]


def _schema_steps(name: str) -> list[dict[str, Any]]:
    """Apply the schema steps before pods of the new release start, by the login that owns the tables.

    Hooks are not part of the release before, so the job brings its own permission to reach the database. It is safe
    beside that release: steps only add, wait for no table longer than seconds, and are applied all or not at all.
    """
    job = f"{name}_schema"
    hook = {"helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-delete-policy": "before-hook-creation"}
    environment = {"DATABASE_TLS": _database_tls(), "DATABASE_RUNTIME_ROLE": f"{name}_runtime"}
    container = {
        "name": "schema",
        "image": _image(name),
        "command": ["python", "-m", "libs.db", *import_module(f"services.{name}.app").STEPS],
        "env": _variables(environment),
        # DATABASE_URL of the owner, which no pod that serves has.
        "envFrom": [{"secretRef": {"name": f"{called(name)}-schema-secrets"}}],
        "securityContext": _confined(),
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "volumeMounts": _mounts(database=True),
    }
    policy = _policy(job, Deployed(database=True))
    policy["metadata"] = _meta(job, **hook, **{"helm.sh/hook-weight": "-10"})
    spec = {
        "backoffLimit": 6,
        "activeDeadlineSeconds": 900,
        "template": _once(job, container, database=True),
    }
    return [policy, {"apiVersion": "batch/v1", "kind": "Job", "metadata": _meta(job, **hook), "spec": spec}]


def _once(name: str, container: dict[str, Any], *, database: bool = False) -> dict[str, Any]:
    """Make the template of a pod that does one thing and ends."""
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": _nobody(),
        "containers": [container],
        "volumes": _volumes(database=database),
    }
    return {"metadata": {"labels": _meta(name)["labels"]}, "spec": pod}


def _cron(name: str, words: Sequence[str]) -> dict[str, Any]:
    asked = {f"API_BASE_URL_{other.upper()}": f"http://{called(other)}:{ports()[other]}" for other in OPERATORS.calls}
    container = {
        "name": "lip",
        "image": _image("cli"),
        "command": ["python", "-m", "services.cli", *words],
        "env": _variables({"LIP_TOKEN_URL": "{{ .Values.outside.signIn }}/oauth/token", **asked}),
        "envFrom": [{"secretRef": {"name": "operators-secrets"}}],
        "securityContext": _confined(),
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "volumeMounts": _mounts(database=False),
    }
    job = {"backoffLimit": 1, "activeDeadlineSeconds": 300, "template": _once("operators", container)}
    member = re.sub("-(.)", lambda found: found[1].upper(), name)
    spec = {
        "schedule": f"{{{{ .Values.timetable.{member} }}}}",
        "timeZone": "Europe/London",
        "concurrencyPolicy": "Forbid",
        # What was missed while the cluster was away is done late rather than never.
        "startingDeadlineSeconds": 12 * 60 * 60,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 3,
        "jobTemplate": {"spec": job},
    }
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": _meta(name), "spec": spec}


def _environment(name: str, deployed: Deployed) -> Iterator[dict[str, str]]:
    told = {
        "HTTP_HOST": "0.0.0.0",  # noqa: S104 - the pod's address; the network policy says who reaches it
        "HTTP_PORT": str(ports()[name]),
        "API_BASE_URL_OAUTH": "{{ .Values.outside.signIn }}",
        "OAUTH_ISSUER": "{{ .Values.outside.issuer }}",
    }
    for other in deployed.calls:
        told[f"API_BASE_URL_{other.upper()}"] = f"http://{called(other)}:{ports()[other]}"
    for other, variable in OUTSIDE.items():
        if other in deployed.outside:
            told[f"API_BASE_URL_{other.replace('-', '_').upper()}"] = f"{{{{ .Values.outside.{variable} }}}}"
    if deployed.broker:
        told |= {
            "AWS_REGION": "{{ .Values.region }}",
            "AWS_NAMES": "{{ .Values.awsNames }}",
            "AWS_TLS": json.dumps({"required": True}),
        }
    if deployed.database:
        told |= {"DATABASE_TLS": _database_tls(), "APPLY_SCHEMA": "false"}
    if name == "reconciliation":
        # The CronJob asks for the weekly run.
        told["SCHEDULE"] = json.dumps({"enabled": False})
    if name == "staff_ui":
        told |= {"PUBLIC_URL": "{{ .Values.pages.url }}", "OAUTH_AUTHORIZE_URL": "{{ .Values.pages.authorizeUrl }}"}
    yield from _variables(told)


OUTSIDE = MappingProxyType(
    {
        "nomis": "nomis",
        "prisoner-search": "prisonerSearch",
        "prison-register": "prisonRegister",
        "prison-api": "prisonApi",
    }
)


def _service(name: str) -> dict[str, Any]:
    port = {"name": "http", "port": ports()[name], "targetPort": "http"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta(name),
        "spec": {"selector": _selector(name)["matchLabels"], "ports": [port]},
    }


def _disruption(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _meta(name),
        "spec": {"maxUnavailable": 1, "selector": _selector(name)},
    }


def _policy(name: str, deployed: Deployed) -> dict[str, Any]:
    """Say who may come in and where it may go: nothing else passes. Nobody comes in to what serves nothing."""
    everybody = {**SERVICES, "operators": OPERATORS}
    callers = [{"podSelector": _selector(other)} for other, each in everybody.items() if name in each.calls]
    entrance = [_namespace("ingressNamespace")] if deployed.public else []
    served = ports().get(name)
    goes: list[dict[str, Any]] = [
        {"ports": [{"protocol": "UDP", "port": DNS}, {"protocol": "TCP", "port": DNS}]},
        # The sign-in server, AWS and the systems of others.
        {"ports": [{"protocol": "TCP", "port": HTTPS}]},
    ]
    if deployed.database:
        goes.append(
            {
                "to": [{"ipBlock": {"cidr": "{{ .Values.databaseCidr }}"}}],
                "ports": [{"protocol": "TCP", "port": DATABASE_PORT}],
            }
        )
    goes += [
        {"to": [{"podSelector": _selector(other)}], "ports": [{"protocol": "TCP", "port": ports()[other]}]}
        for other in deployed.calls
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _meta(name),
        "spec": {
            "podSelector": _selector(name),
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {
                    "from": [*callers, *entrance, _namespace("monitoringNamespace")],
                    "ports": [{"protocol": "TCP", "port": served}],
                }
            ]
            if served
            else [],
            "egress": goes,
        },
    }


def _namespace(value: str) -> dict[str, Any]:
    name = f"{{{{ .Values.{value} }}}}"
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def _default_deny() -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _meta("default-deny"),
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/part-of": "locations"}},
            "policyTypes": ["Ingress", "Egress"],
        },
    }


def _scaling(name: str, deployed: Deployed) -> dict[str, Any]:
    """Scale consumers by what waits and for how long, servers by their CPU."""
    least, most = (f"{{{{ .Values.replicas.{name}.{end} | int }}}}" for end in ("min", "max"))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": called(name)}
    if not deployed.consumes:
        cpu = {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
        }
        return {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": _meta(name),
            "spec": {"scaleTargetRef": target, "minReplicas": least, "maxReplicas": most, "metrics": [cpu]},
        }
    [queue] = deployed.consumes
    asked = {
        f'max(messaging_queue_messages{{queue="{queue}",state="visible"}})': "100",
        f'max(messaging_queue_oldest_seconds{{queue="{queue}"}})': "60",
    }
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": _meta(name),
        "spec": {
            "scaleTargetRef": target,
            "minReplicaCount": least,
            "maxReplicaCount": most,
            "triggers": [
                {
                    "type": "prometheus",
                    "metadata": {
                        "serverAddress": "{{ .Values.prometheusUrl }}",
                        "query": query,
                        "threshold": threshold,
                    },
                }
                for query, threshold in asked.items()
            ],
        },
    }

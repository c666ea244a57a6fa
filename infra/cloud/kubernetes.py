"""Writes the Helm chart's templates: one file for each service, all of one mould; the values are Helm's to fill in.

`python -m infra.cloud` writes them; tests keep files and code the same, fill the values in and hold every manifest to
the Kubernetes schemas. A template has nothing but `{{ .Values.… }}`, so that filling in needs no Helm.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from infra.cloud.rights import SERVICES, Deployed
from infra.local.roster import roster
from infra.local.settings import EstateSettings

CHART = Path(__file__).resolve().parents[2] / "infra" / "helm" / "locations"
DATABASE_PORT, HTTPS, DNS = 5432, 443, 53
USER = 10001


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
        "securityContext": {"runAsNonRoot": True, "runAsUser": USER, "seccompProfile": {"type": "RuntimeDefault"}},
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": _selector(name),
            }
        ],
        "containers": [_container(name, deployed)],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}],
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
        "image": f"{{{{ .Values.image.repository }}}}/{called(name)}:{{{{ .Values.image.tag }}}}",
        "ports": [{"name": "http", "containerPort": ports()[name]}],
        "env": list(_environment(name, deployed)),
        # Client and secret, the database's URL with its password, and sealing keys: by reference, never in values.
        "envFrom": [{"secretRef": {"name": f"{called(name)}-secrets"}}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "startupProbe": {"httpGet": {"path": "/health/liveness", **probe}, "periodSeconds": 2, "failureThreshold": 60},
        "livenessProbe": {"httpGet": {"path": "/health/liveness", **probe}, "periodSeconds": 10, "failureThreshold": 3},
        "readinessProbe": {"httpGet": {"path": "/health/readiness", **probe}, "periodSeconds": 5},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - a volume of the pod's own
    }


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
        told |= {"AWS_REGION": "{{ .Values.region }}", "AWS_NAMES": "{{ .Values.awsNames }}"}
    if name == "staff_ui":
        told |= {"PUBLIC_URL": "{{ .Values.pages.url }}", "OAUTH_AUTHORIZE_URL": "{{ .Values.pages.authorizeUrl }}"}
    yield from ({"name": variable, "value": value} for variable, value in told.items())


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
    """Say who may come in and where it may go: nothing else passes."""
    callers = [{"podSelector": _selector(other)} for other, each in SERVICES.items() if name in each.calls]
    entrance = [_namespace("ingressNamespace")] if deployed.public else []
    port = [{"protocol": "TCP", "port": ports()[name]}]
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
            "ingress": [{"from": [*callers, *entrance, _namespace("monitoringNamespace")], "ports": port}],
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

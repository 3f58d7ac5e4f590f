"""The manifests as a cluster would see them: rendered by kustomize, valid for the oldest and the newest supported
Kubernetes, and consistent with each other, with dashboards/ and with alerts/."""

import copy
import json
import subprocess

import kubernetes_validate
import pytest
import yaml

from harness.process import REPOSITORY

FOLDERS = ["base", "overlays/service", "overlays/demo"]
VERSIONS = ["1.29", "1.37"]

# Custom resources: their schemas come with the Prometheus operator.
CUSTOM = "monitoring.coreos.com/v1"


def render(folder: str) -> list[dict]:
    path = REPOSITORY / "k8s" / folder
    rendered = subprocess.run(["kubectl", "kustomize", path], capture_output=True, text=True, timeout=120)
    assert rendered.returncode == 0, rendered.stderr
    return list(yaml.safe_load_all(rendered.stdout))


@pytest.fixture(scope="module")
def rendered() -> dict[str, list[dict]]:
    return {folder: render(folder) for folder in FOLDERS}


def of_kind(resources: list[dict], kind: str) -> list[dict]:
    return [resource for resource in resources if resource["kind"] == kind]


def the(resources: list[dict], kind: str) -> dict:
    [resource] = of_kind(resources, kind)
    return resource


def pod(resources: list[dict]) -> dict:
    return the(resources, "Deployment")["spec"]["template"]


def containers(template: dict) -> list[dict]:
    return template["spec"].get("initContainers", []) + template["spec"]["containers"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_resource_is_valid(rendered, folder, version):
    plain = [resource for resource in rendered[folder] if resource["apiVersion"] != CUSTOM]
    assert plain
    for resource in plain:
        kubernetes_validate.validate(resource, version, strict=True)


def test_a_wrong_manifest_is_rejected(rendered):
    wrong = copy.deepcopy(the(rendered["overlays/service"], "Deployment"))
    wrong["spec"]["template"]["spec"]["initContainers"][0]["restartPolicies"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


@pytest.mark.parametrize("folder", ["overlays/service", "overlays/demo"])
def test_the_sidecar_is_a_native_sidecar_and_comes_first(rendered, folder):
    first = pod(rendered[folder])["spec"]["initContainers"][0]
    assert (first["name"], first["restartPolicy"]) == ("mapwarden", "Always")
    assert {"startupProbe", "livenessProbe", "readinessProbe", "resources"} <= set(first)
    environment = {variable["name"]: variable.get("value") for variable in first["env"]}
    assert environment["MAPWARDEN_ADMIN"] == "0.0.0.0:9464"


def test_the_demo_uses_the_sidecar_beside_it(rendered):
    spec = pod(rendered["overlays/demo"])["spec"]
    [sidecar], [demo] = spec["initContainers"], spec["containers"]
    assert demo["image"] == sidecar["image"]
    assert sidecar["args"][0] == "run"
    [port] = [port["containerPort"] for port in sidecar["ports"] if port["name"] == "mapwarden"]
    assert demo["args"] == ["demo", "--sidecar", f"http://127.0.0.1:{port}"]
    # Both keep the default address of OTLP, so that no change can move only one of them.
    assert not any(variable["name"] == "MAPWARDEN_OTLP_HTTP" for variable in sidecar["env"] + demo.get("env", []))
    assert not any(argument.startswith("--otlp-http") for argument in sidecar["args"])
    assert {"cpu", "memory"} <= set(demo["resources"]["requests"])


@pytest.mark.parametrize("folder", ["overlays/service", "overlays/demo"])
def test_pods_are_hardened(rendered, folder):
    template = pod(rendered[folder])
    assert template["spec"]["automountServiceAccountToken"] is False
    for container in containers(template):
        context = container["securityContext"]
        assert context["runAsNonRoot"] and context["readOnlyRootFilesystem"], container["name"]
        assert context["allowPrivilegeEscalation"] is False, container["name"]
        assert context["capabilities"] == {"drop": ["ALL"]}, container["name"]
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, container["name"]
        assert "memory" in container["resources"]["limits"], container["name"]


@pytest.mark.parametrize("folder", ["overlays/service", "overlays/demo"])
def test_prometheus_finds_the_pods(rendered, folder):
    monitor = the(rendered["base"], "PodMonitor")
    assert monitor["apiVersion"] == CUSTOM
    template = pod(rendered[folder])
    selected = monitor["spec"]["selector"]["matchLabels"].items()
    assert selected <= template["metadata"]["labels"].items()
    ports = {port["name"] for container in containers(template) for port in container.get("ports", [])}
    endpoints = monitor["spec"]["podMetricsEndpoints"]
    assert {endpoint["port"] for endpoint in endpoints} <= ports
    assert all(endpoint["path"] == "/metrics" for endpoint in endpoints)


def test_the_rules_are_those_of_the_repository_and_are_valid(rendered, tmp_path):
    rules = of_kind(rendered["base"], "PrometheusRule")
    files = sorted((REPOSITORY / "alerts").glob("*.yaml"))
    specs = {rule["metadata"]["name"]: rule["spec"] for rule in rules}
    assert specs == {f"mapwarden-{path.stem}": yaml.safe_load(path.read_text()) for path in files}
    for name, spec in specs.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(spec))
    checked = subprocess.run(["promtool", "check", "rules", *tmp_path.glob("*.yaml")], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_the_dashboards_are_those_of_the_repository(rendered):
    maps = of_kind(rendered["base"], "ConfigMap")
    assert all(each["metadata"]["labels"]["grafana_dashboard"] == "1" for each in maps)
    found = {name: json.loads(text) for each in maps for name, text in each["data"].items()}
    files = sorted((REPOSITORY / "dashboards").glob("*.json"))
    assert found == {path.name: json.loads(path.read_text()) for path in files}


def test_the_rules_of_the_manifests_are_up_to_date(tmp_path):
    before = {path.name: path.read_text() for path in (REPOSITORY / "k8s/base/rules").glob("*.yaml")}
    subprocess.run([REPOSITORY / "k8s/render-rules"], check=True, timeout=60)
    after = {path.name: path.read_text() for path in (REPOSITORY / "k8s/base/rules").glob("*.yaml")}
    assert after == before

"""Rules that `mapwarden rules` writes, as the Prometheus operator reads them: every objective of the repository's SLO files, names
that Kubernetes does not allow, and the repository's own alerts."""

import copy
import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from harness.process import REPOSITORY
from manifests.operator_schema import problems

MAPWARDEN = Path(os.environ.get("MAPWARDEN_BIN", REPOSITORY / "target/debug/mapwarden"))
FOLDERS = ["tests/objectives", "sidecar/slo/tests/it/golden", "sidecar/slo/fuzz/seeds/openslo", "sidecar/slo/fuzz/seeds/sloth"]
FILES = sorted(str(path.relative_to(REPOSITORY)) for folder in FOLDERS for path in (REPOSITORY / folder).glob("*.yaml"))

# Names with every character that a name may have and of the greatest length, and labels that are keywords of YAML.
STRANGE = r"""
version: prometheus/v1
service: "Shop.-/_EU|:."
labels: {"on": "yes", y: "1.10", "null": "~"}
slos:
  - name: "..A\\b-"
    objective: 99.9
    sli: {events: {error_query: 'sum(rate(e[{{.window}}]))', total_query: 'sum(rate(t[{{.window}}]))'}}
    alerting:
      name: "yes"
      annotations: {"no": "a: b", off: "# none"}
      page_alert: {for: 90s}
  - name: LONG
    objective: 99.9
    sli: {raw: {error_ratio_query: 'avg_over_time(x[{{.window}}])'}}
""".replace("LONG", "n" * 255)


def written(*files: Path | str) -> tuple[int, str, list[dict]]:
    command = [MAPWARDEN, "rules", "--target", "prometheusrule", *files]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr, [each for each in yaml.safe_load_all(done.stdout) if each]


def assert_accepted(resources: list[dict], folder: Path):
    """Fails unless the operator accepts the resources, and Prometheus their groups."""
    found = {resource["metadata"]["name"]: problems(resource) for resource in resources}
    assert not any(found.values()), found
    assert len(found) == len(resources), "two resources have one name"
    for resource in resources:
        (folder / f"{resource['metadata']['name'][:200]}.yaml").write_text(yaml.safe_dump(resource["spec"]))
    checked = subprocess.run(["promtool", "check", "rules", *folder.iterdir()], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_operator_accepts_the_rules_of_every_slo_file(tmp_path):
    empty = []
    for at, file in enumerate(FILES):
        code, errors, resources = written(file)
        folder = tmp_path / str(at)
        folder.mkdir()
        if resources:
            assert_accepted(resources, folder)
        else:
            empty.append(file)
            checked = subprocess.run([MAPWARDEN, "check", "--format", "json", file], cwd=REPOSITORY, capture_output=True)
            # A file of wrong objectives, of objectives that rules cannot express, or of parts that no objective uses.
            assert code != 0 or json.loads(checked.stdout)["objectives"] == [], f"{file}: {errors}"
    right = {"tests/objectives/latency.yaml", "sidecar/slo/tests/it/golden/openslo.yaml", "sidecar/slo/tests/it/golden/sloth.yaml"}
    assert right <= set(FILES) - set(empty)


def test_the_operator_accepts_any_name_and_any_label(tmp_path):
    file = tmp_path / "strange.yaml"
    file.write_text(STRANGE)
    code, errors, resources = written(file)
    assert code == 0, errors
    rules = tmp_path / "rules"
    rules.mkdir()
    assert_accepted(resources, rules)
    first = next(each for each in resources if len(each["metadata"]["name"]) < 200)
    assert first["metadata"]["name"] == "mapwarden-shop.eu.a-b"
    labels = [rule["labels"] for group in first["spec"]["groups"] for rule in group["rules"]]
    assert {"on": "yes", "y": "1.10", "null": "~"}.items() <= labels[0].items()


def test_objectives_with_the_same_resource_name_are_rejected(tmp_path):
    file = tmp_path / "twice.yaml"
    file.write_text(STRANGE.replace("LONG", "x").replace("n" * 255, "a_b").replace("..A\\\\b-", "A-B"))
    code, errors, resources = written(file)
    assert (code, resources) == (1, [])
    assert "two objectives are called `mapwarden-shop.eu.a-b`: accepted is an id of its own for each" in errors
    plain = subprocess.run([MAPWARDEN, "rules", file], cwd=tmp_path, capture_output=True, text=True)
    assert plain.returncode == 0, plain.stderr


def test_the_operator_accepts_the_alerts_of_the_repository(tmp_path):
    files = sorted((REPOSITORY / "k8s/base/rules").glob("*.yaml"))
    assert files
    assert_accepted([yaml.safe_load(path.read_text()) for path in files], tmp_path)


WRONG = {
    "no spec": lambda rule: rule.pop("spec"),
    "no name": lambda rule: rule["metadata"].pop("name"),
    "a name in capitals": lambda rule: rule["metadata"].update(name="Shop"),
    "a name with an empty part": lambda rule: rule["metadata"].update(name="shop..x"),
    "a name that ends with a hyphen": lambda rule: rule["metadata"].update(name="shop-"),
    "a long name": lambda rule: rule["metadata"].update(name="a" * 254),
    "a label of 64 characters": lambda rule: rule["metadata"]["labels"].update(team="a" * 64),
    "a label with a space": lambda rule: rule["metadata"]["labels"].update(team="the shop"),
    "a group without a name": lambda rule: rule["spec"]["groups"][0].update(name=""),
    "two groups of a name": lambda rule: rule["spec"]["groups"].append(rule["spec"]["groups"][0]),
    "an unknown field": lambda rule: rule["spec"]["groups"][0].update(intervall="1m"),
    "an interval without a unit": lambda rule: rule["spec"]["groups"][0].update(interval="60"),
    "an interval that is a number": lambda rule: rule["spec"]["groups"][0].update(interval=60),
    "units in another order": lambda rule: rule["spec"]["groups"][0]["rules"][0].update({"for": "1s1m"}),
    "an empty keep_firing_for": lambda rule: rule["spec"]["groups"][0]["rules"][0].update(keep_firing_for=""),
    "no expression": lambda rule: rule["spec"]["groups"][0]["rules"][0].pop("expr"),
    "an expression that is a list": lambda rule: rule["spec"]["groups"][0]["rules"][0].update(expr=[]),
    "a label that is a number": lambda rule: rule["spec"]["groups"][0]["rules"][0].update(labels={"a": 1}),
    "a limit with a unit": lambda rule: rule["spec"]["groups"][0].update(limit="10"),
    "another strategy": lambda rule: rule["spec"]["groups"][0].update(partial_response_strategy="wait"),
    "a rule without a name": lambda rule: rule["spec"]["groups"][0]["rules"][0].pop("record"),
    "too many rules": lambda rule: rule["spec"]["groups"][0]["rules"].extend(rule["spec"]["groups"][0]["rules"] * 500),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_schema_rejects_what_the_operator_rejects(name):
    _, _, [right] = written("tests/objectives/latency.yaml")
    assert problems(right) == []
    wrong = copy.deepcopy(right)
    WRONG[name](wrong)
    assert problems(wrong)

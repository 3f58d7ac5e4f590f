"""What the Prometheus operator accepts: the schema beside this file, and what a schema cannot express."""

import json
from pathlib import Path

import jsonschema

SCHEMA = json.loads(Path(__file__).with_name("prometheusrule.schema.json").read_text())

# `kubectl apply` keeps the whole object in an annotation, which Kubernetes limits to this; the operator's own limit is twice that.
MOST_BYTES = 256 * 1024


def problems(resource: dict) -> list[str]:
    """Returns what is wrong with a `PrometheusRule`, each problem with its path."""
    found = [f"{error.json_path}: {error.message}" for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(resource)]
    if found:
        return found
    groups = [group["name"] for group in resource["spec"].get("groups", [])]
    found += [f"the group {name} occurs {groups.count(name)} times" for name in sorted(set(groups)) if groups.count(name) > 1]
    size = len(json.dumps(resource))
    if size > MOST_BYTES:
        found.append(f"{size} bytes do not fit into one resource")
    return found

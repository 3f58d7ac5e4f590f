"""Checks that the dependencies of a crate accept its minimum Rust: `python3 -m harness.minimum_rust CRATE...`."""

import json
import subprocess
import sys


def version(text: str) -> tuple[int, ...]:
    """Returns a `rust-version` as numbers, with three parts."""
    parts = [int(part) for part in text.split(".")]
    return tuple(parts + [0] * (3 - len(parts)))


def dependencies(metadata: dict, crate: str) -> list[dict]:
    """Returns the packages that a crate links, itself first. Dependencies of tests and benches are not among them."""
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    [root] = [member for member in metadata["workspace_members"] if packages[member]["name"] == crate]
    found, todo = [], [root]
    while todo:
        node = todo.pop()
        if packages[node] in found:
            continue
        found.append(packages[node])
        for dependency in nodes[node]["deps"]:
            if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]):
                todo.append(dependency["pkg"])
    return found


def main(crates: list[str]) -> int:
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    command += ["--filter-platform", "x86_64-unknown-linux-gnu"]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    wrong = []
    for crate in crates:
        own, *others = dependencies(metadata, crate)
        newer = [package for package in others
                 if package["rust_version"] and version(package["rust_version"]) > version(own["rust_version"])]
        wrong += [f"{crate} declares Rust {own['rust_version']}, but its dependency {package['name']} {package['version']} "
                  f"needs {package['rust_version']}" for package in newer]
        least = max((version(package["rust_version"]) for package in others if package["rust_version"]), default=())
        print(f"{crate}: declares Rust {own['rust_version']}; its {len(others)} dependencies need "
              f"{'.'.join(map(str, least)) or 'no version in particular'}")
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

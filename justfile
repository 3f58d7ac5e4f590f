# Everything that can be run in this repository: `just` lists it. Install: `cargo install just`, or `pip install rust-just`.
# Each recipe is one command that works without just, too; CI runs `tests/run` alone.

# Lists the recipes.
[private]
default:
    @just --list --unsorted

# Shows a bad deploy from its first failed request to its resolved notice: `--once` ends by itself.
[group('try it')]
demo *options:
    cargo run --release --locked -- demo {{ options }}

# Checks, runs or writes rules for SLO files: `just mapwarden check slos/`.
[group('try it')]
mapwarden *arguments:
    cargo run --release --locked -- {{ arguments }}

# Builds the documentation of every crate and opens it.
[group('try it')]
docs:
    cargo doc --workspace --all-features --no-deps --locked --open

# Runs all tests as CI does, or only the given parts: sdk, sidecar, rules, real.
[group('tests')]
test *parts:
    tests/run {{ parts }}

# Runs the tests of one crate: `just test-crate mapwarden-engine budget`.
[group('tests')]
test-crate crate *filter:
    cargo test -p {{ crate }} --all-features --locked -- {{ filter }}

# Formats all code.
[group('tests')]
format:
    cargo fmt --all

# Runs clippy over the whole workspace, as CI does.
[group('tests')]
lint:
    cargo clippy --workspace --all-targets --all-features --locked -- -D warnings

# Rewrites the golden files of one crate and shows what changed; read the diff before you commit it.
[group('tests')]
golden crate="mapwarden-sidecar":
    UPDATE_GOLDEN=1 cargo test -p {{ crate }} --all-features --locked
    git diff --stat -- '*/golden/*'

# Rewrites the Kubernetes rules after a change of alerts/.
[group('tests')]
manifests:
    k8s/render-rules

# Runs papaya's own tests against the instrumented maps; `--stress` runs its long ones.
[group('tests')]
papaya *options:
    tests/papaya {{ options }}

# Runs one file of the tests around the release build: `just real test_demo.py`.
[group('tests')]
real file="":
    cargo build --release --locked
    .venv/bin/pytest -c tests/pytest.ini --rootdir tests -v tests/real/{{ file }}

# Runs the recorder's atomics through every order that the memory model allows.
[group('proofs')]
loom:
    RUSTFLAGS="--cfg mapwarden_loom" cargo test -p mapwarden --lib loom --release --target-dir target/loom

# Runs the SDK's tests under AddressSanitizer, and under Miri where it is installed (nightly); `--papaya` adds papaya's tests.
[group('proofs')]
sanitize *options:
    tests/sanitize {{ options }}

# Fuzzes the readers of SLO files (nightly, cargo-fuzz), so many seconds for each format.
[group('proofs')]
fuzz seconds="3600":
    tests/fuzz {{ seconds }}

# Measures instrumented maps against bare papaya and other maps: ten minutes, `--quick` 15 seconds.
[group('benches')]
overhead *options:
    tests/bench overhead {{ options }}

# Measures maps under many threads: two minutes, `--quick` 15 seconds.
[group('benches')]
contention *options:
    tests/bench contention {{ options }}

# Counts the instructions that counting adds to an operation (valgrind); `--update` records them.
[group('benches')]
instructions *options:
    tests/bench instructions {{ options }}

# Measures a service beside a receiver that is dead, slow or busy: two minutes, `--quick` six seconds.
[group('benches')]
dead_receiver *options:
    tests/bench dead_receiver {{ options }}

# Times one second's evaluation of many objectives.
[group('benches')]
evaluation *options:
    tests/bench evaluation {{ options }}

# Simulates how often policies page falsely and how late they page.
[group('benches')]
detection *options:
    tests/bench detection {{ options }}

# Measures CPU time and memory of a sidecar with 1,000 objectives: nine minutes.
[group('benches')]
cost *options:
    tests/bench cost {{ options }}

# Races the sidecar against Prometheus with Alertmanager, from the first failure to the page: five minutes.
[group('benches')]
race *options:
    tests/bench race {{ options }}

# Measures what a Prometheus pays for written rules, against rules in Sloth's style: eight minutes.
[group('benches')]
rules_cost *options:
    tests/bench rules_cost {{ options }}

# Compares budgets and pages of every scenario with the answers worked out by hand: two minutes.
[group('benches')]
scenarios *options:
    tests/bench scenarios {{ options }}

# Shows what the first release build spends its time on, by crate: five minutes on a quiet machine.
[group('benches')]
build *options:
    tests/bench build {{ options }}

# Packages every crate and builds each package.
[group('release')]
package:
    CARGO_TARGET_DIR="$PWD/target" CARGO_PROFILE_DEV_DEBUG=line-tables-only cargo package --workspace --locked

# Checks licences, sources and advisories of all dependencies (needs cargo-deny).
[group('release')]
deny:
    cargo deny check

# Builds the sidecar's image.
[group('release')]
image tag="mapwarden:0.1.0":
    docker build -f k8s/Dockerfile -t {{ tag }} .

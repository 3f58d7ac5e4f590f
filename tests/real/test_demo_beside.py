"""The demo as its manifests run it: beside a sidecar in a process of its own."""

import json
import subprocess

# The demo itself gives up after 120 s.
STORY_WITHIN = 150.0


def test_the_demo_succeeds_beside_a_running_sidecar(binary, sidecar, tmp_path):
    beside = sidecar()
    report = tmp_path / "report.json"
    story = subprocess.run(
        [binary, "demo", "--once", "--sidecar", beside.admin, "--otlp-http", beside.otlp.removeprefix("http://"),
         "--report", report],
        capture_output=True, text=True, timeout=STORY_WITHIN,
    )
    assert story.returncode == 0, story.stdout + story.stderr
    assert beside.admin in story.stdout and beside.otlp in story.stdout
    outcome = json.loads(report.read_text())
    assert outcome["checks"] and all(check["holds"] for check in outcome["checks"]), outcome["checks"]
    # The sidecar outlives the demo, and has the same notice and counts.
    notice = beside.json(f"/api/v1/notices/{outcome['notice']['id']}")
    assert notice["state"] == "resolved"
    assert beside.slo("order-service/checkout-availability")["total"] == \
        sum(outcome["ledger"]["checkouts"].values())

"""The demo as its manifests run it: beside a sidecar that is a process of its own."""

import json
import subprocess

# The story is given up after 120 s by the demo itself.
STORY_WITHIN = 150.0


def test_the_story_is_the_same_beside_a_sidecar_that_runs(binary, sidecar, tmp_path):
    beside = sidecar()
    report = tmp_path / "report.json"
    story = subprocess.run(
        [binary, "demo", "--once", "--sidecar", beside.admin, "--otlp-http", beside.otlp.removeprefix("http://"),
         "--report", report],
        capture_output=True, text=True, timeout=STORY_WITHIN,
    )
    assert story.returncode == 0, story.stdout + story.stderr
    assert beside.admin in story.stdout and beside.otlp in story.stdout
    told = json.loads(report.read_text())
    assert told["checks"] and all(check["holds"] for check in told["checks"]), told["checks"]
    # The sidecar outlives the demo, and says what the demo said.
    notice = beside.json(f"/api/v1/notices/{told['notice']['id']}")
    assert notice["state"] == "resolved"
    assert beside.slo("order-service/checkout-availability")["total"] == \
        sum(told["ledger"]["checkouts"].values())

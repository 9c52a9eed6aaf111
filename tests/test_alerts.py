"""The rules for Prometheus, as its own promtool sees them."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest


RULES = Path(__file__).parents[1] / "docs" / "service" / "alerts.yml"

PROMTOOL = shutil.which("promtool")

LABELS = '{job="hn-comments", instance="here"}'

# Promtool's clock begins in 1970; an hour later it is far from the time of a poll that never was.
START = 3600

STUCK = "here: no poll has ended, not even a failed one, for {}"
STALE = "here: no poll has read everything for {}"

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="there is no promtool")


def series(name: str, values: str) -> dict[str, str]:
    """Return a metric that is there from the start of the program on, with a value a minute."""
    return {"series": f"{name}{LABELS}", "values": f"_x{START // 60} {values}"}


def expect(alert: str, minute: int, *summaries: str) -> dict[str, Any]:
    """Return what promtool is to see so many minutes after the start."""
    alerts = [
        {
            "exp_labels": {"job": "hn-comments", "instance": "here"},
            "exp_annotations": {"summary": summary},
        }
        for summary in summaries
    ]
    return {"eval_time": f"{START // 60 + minute}m", "alertname": alert, "exp_alerts": alerts}


@pytest.mark.parametrize(
    ("polled", "expected"),
    [
        # The first poll takes very long.
        ("0x40", [(7, None), (9, "9m 0s"), (20, "20m 0s")]),
        # It ends after seven minutes, and others follow.
        (f"0x6 {START + 420}+60x30", [(6, None), (7, None), (30, None)]),
        # There was one, after a minute, and no other.
        (f"0 {START + 60}x40", [(8, None), (10, "9m 0s")]),
    ],
)
def test_program_without_polls_is_told(
    polled: str, expected: list[tuple[int, str | None]], tmp_path: Path
) -> None:
    """After some time, but not while its first poll may still run."""
    cases = [
        expect(alert, minute, *([summary.format(since)] if since else []))
        for alert, summary in (("HNCommentsStuck", STUCK), ("HNCommentsStale", STALE))
        for minute, since in expected
    ]
    test = {
        "interval": "1m",
        "input_series": [
            series("process_start_time_seconds", f"{START}x40"),
            series("hn_comments_period_seconds", "60x40"),
            series("hn_comments_last_poll_timestamp_seconds", polled),
            series("hn_comments_last_exact_poll_timestamp_seconds", polled),
        ],
        "alert_rule_test": cases,
    }
    file = tmp_path / "test.json"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "tests": [test]}), encoding="utf-8")

    result = subprocess.run(
        [str(PROMTOOL), "test", "rules", file], capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout + result.stderr

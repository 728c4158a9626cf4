"""`report`: one page of what ran since some moment: what passed, what failed and why, what it took."""

from __future__ import annotations

import time
from typing import Any

from remote.report import Report, report
from tui.activity.since import since
from tui.cli.envelope import Answer
from tui.cli.session import Session, together
from tui.housekeeping.report import page


async def main(session: Session) -> Answer:
    """Ask every host of the profile; of one that does not answer, tell what was synced from it."""
    arguments = session.arguments
    since_s = since(arguments.since, time.time())
    hosts = sorted({worker.host for worker in session.profile.workers.values()})
    failed = await session.reach(hosts)
    found = await report(session.fleet, hosts, since_s, failed)
    text = "\n".join(page(found, as_markdown=arguments.markdown))
    return Answer(_data(found), text, together(dict(failed), len(hosts)))


def _data(found: Report) -> dict[str, Any]:
    return {
        "project": found.project,
        "from_s": found.from_s,
        "to_s": found.to_s,
        "runs": [
            {
                "worker": run.worker, "host": run.host, "run": run.run, "state": run.state.value, "reason": run.reason,
                "branch": run.branch, "commit": run.commit, "subject": run.subject, "by": run.by,
                "passed_gate": run.passed_gate, "busy_s": round(run.busy_s, 1), "gpu_s": run.gpu_s,
                "ended_ago_s": round(run.ended_ago_s, 1), "origin": "results" if run.synced else "host",
                "result": None if run.result is None else run.result.to_dict(),
            }
            for run in found.runs
        ],
        "hosts": [vars(share) for share in found.hosts],
    }  # fmt: skip

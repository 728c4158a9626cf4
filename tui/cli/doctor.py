"""`doctor`: is everything there that this laptop and the hosts need, and how to mend what is not."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict

from remote.checks import LAPTOP, Report, Verdict
from remote.doctor import examine
from remote.errors import RemoteError
from tui.cli.envelope import Answer
from tui.cli.session import Session
from tui.hosts.checks import report_lines

WIDE = 120
EXITS = {"connection": 3, "jump host": 3, "authentication": 4, "host key": 4}
"""A failed check of these names ends as every verb does that cannot reach its host."""


async def main(session: Session) -> Answer:
    """Look at the laptop and the hosts that were named, by default all that workers use."""
    arguments, profile = session.arguments, session.profile
    if arguments.fix:
        session.changes()
    used = [name for name in profile.hosts if any(worker.host == name for worker in profile.workers.values())]
    hosts = list(dict.fromkeys(arguments.hosts)) or used
    if LAPTOP in hosts and LAPTOP not in profile.hosts:
        hosts.remove(LAPTOP)
    for name in hosts:
        session.fleet.host(name)  # an unknown one is said before any is asked
    session.say(f"looking at the laptop and {', '.join(hosts)} …" if hosts else "looking at the laptop …")
    reports = await examine(session.fleet, hosts, fix=arguments.fix)
    data = {"places": [{"place": one.place, "checks": [asdict(check) for check in one.checks]} for one in reports]}
    return Answer(data, "\n\n".join(map(_text, reports)), _problem(reports))


def _text(report: Report) -> str:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE
    lines = report_lines(report, max(40, width - 2))
    return "\n".join([report.place, *("  " + "".join(text for text, _ in line).rstrip() for line in lines)])


def _problem(reports: list[Report]) -> RemoteError | None:
    """One error for everything that failed; warnings are not one."""
    failed = [(report.place, check) for report in reports for check in report.checks if check.verdict is Verdict.FAIL]
    if not failed:
        return None
    named = ", ".join(dict.fromkeys(f"{place}: {check.name}" for place, check in failed))
    places = "1 check" if len(failed) == 1 else f"{len(failed)} checks"
    error = RemoteError(f"{places} failed: {named}", hint=failed[0][1].mend, code="unhealthy")
    hosts = [report for report in reports if report.place != LAPTOP]
    codes = {EXITS.get(check.name, 1) for _, check in failed}
    unreached = {place for place, check in failed if check.name in EXITS}
    if unreached and len(unreached) < len(hosts):
        error.exit_code = 6
    elif len(codes) == 1:
        error.exit_code = codes.pop()
    return error

"""The grammar of the command line: argparse only, so that `--help` costs nothing.

Options that every verb understands may stand before or after the verb.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import NoReturn

from remote.errors import UsageError

EXIT_CODES = """\
exit codes: 0 ok, 1 failure, 2 usage or configuration, 3 connection, 4 authentication or host key,
5 a run failed, 6 some hosts failed, 7 declined, 8 held at a gate, 9 evidence missing or refused, 130 interrupted"""

GLOBALS = {
    "profile": None,
    "json": False,
    "accept_host_key": "",
    "yes": False,
    "no_color": False,
    "read_only": False,
}
"""Options of every verb, with their defaults."""


AddVerb = Callable[..., "Parser"]


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are `UsageError`s, so that `--json` can say them too."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"{self.prog} --help shows what it takes")


def build() -> Parser:
    """Return the parser of all verbs. `namespace.verb` is None for the app itself."""
    shared = _shared()
    parser = Parser(
        prog="trajvid-tui",
        description="Train every branch of an experiment at once on any machine that SSH reaches.\n"
        "Without a verb it opens the app; each verb does what the app's key does, headless.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[shared],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="say the version and leave")
    parser.add_argument("--start", action="store_true", help="open the app and launch every worker that never ran")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)

    def verb(name: str, text: str, usage: str | None = None) -> Parser:
        return verbs.add_parser(name, help=text, description=text, parents=[shared], allow_abbrev=False, usage=usage)

    _starting(verb)
    _steering(verb)
    _looking(verb)
    _machines(verb)
    _tidying(verb)
    _setting_up(verb)
    return parser


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse `argv`; every global option is present in the result. Raises `UsageError`."""
    found = build().parse_args(argv)
    for name, default in GLOBALS.items():
        if not hasattr(found, name):
            setattr(found, name, default)
    return found


def _shared() -> Parser:
    shared = Parser(add_help=False, argument_default=argparse.SUPPRESS, allow_abbrev=False)
    group = shared.add_argument_group("options of every verb")
    group.add_argument("--profile", metavar="FILE", help="profiles.yaml to use (default: found from here upwards)")
    group.add_argument("--json", action="store_true", help="answer with one JSON object on stdout")
    group.add_argument("--yes", action="store_true", help="confirm what would otherwise be asked")
    group.add_argument("--accept-host-key", metavar="SHA256:...", help="accept exactly this key of an unknown host")
    group.add_argument("--no-color", action="store_true", help="no colours (NO_COLOR works too)")
    group.add_argument("--read-only", action="store_true", help="refuse everything that changes a host")
    return shared


def _workers(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("workers", nargs="*", metavar="WORKER", help=text)
    parser.add_argument("--all", action="store_true", help="every worker of the profile")


def _starting(verb: AddVerb) -> None:
    launch = verb("launch", "start workers, each on the commit of its branch")
    _workers(launch, "workers to start")
    launch.add_argument("--dry-run", action="store_true", help="say the exact commands, do nothing")
    relaunch = verb("relaunch", "start the newest run once more, as a new run with changes, on the branch's commit now")
    _workers(relaunch, "workers to start again")
    for starting in (launch, relaunch):
        starting.add_argument(
            "--wait", action="store_true", help="stay until they end; 5 if one failed, 8 if one is held"
        )
        starting.add_argument(
            "--set", action="append", default=[], metavar="KEY=VALUE", help="change the trainer's config"
        )
        starting.add_argument("--discard", action="store_true", help="give up edits made in the worktree on the host")

    run = verb("run", "supervise any command as a worker of its own", usage="trajvid-tui run [options] -- COMMAND")
    run.add_argument("--host", default="", help="where to run it (default: the only host, else local)")
    run.add_argument("--name", default="", help="name of the worker (default: the command's)")
    run.add_argument("--wait", action="store_true", help="stay until it ends")
    run.add_argument("--cwd", default="", metavar="DIR", help="folder to run in (default: here, if the host is local)")

    resume = verb("resume", "go on from the last checkpoint, as a new attempt of the same run")
    _workers(resume, "workers to resume")
    release = verb("release", "let held workers go on past their gate all the same, as a new attempt of the same run")
    _workers(release, "workers to release")
    for going_on in (resume, release):
        going_on.add_argument("--wait", action="store_true", help="stay until they end")


def _steering(verb: AddVerb) -> None:
    stop = verb("stop", "end workers after a checkpoint; says stopped when their processes are gone")
    _workers(stop, "workers to stop")
    stop.add_argument("--grace", type=float, default=None, metavar="SECONDS", help="time for the checkpoint")
    kill = verb("kill", "end workers at once, without a checkpoint (asks for the name, or --yes)")
    _workers(kill, "workers to kill")
    retire = verb("retire", "make held workers final: stopped at their gate, never to be resumed or released")
    _workers(retire, "workers to retire")


def _looking(verb: AddVerb) -> None:
    status = verb("status", "what every worker is doing, and how old that knowledge is")
    status.add_argument("workers", nargs="*", metavar="WORKER", help="only these")
    status.add_argument("--cached", action="store_true", help="ask no host: what was last known")
    compare = verb("compare", "runs side by side: figures, rank, and what was asked differently")
    compare.add_argument(
        "runs", nargs="*", metavar="RUN|WORKER",
        help="workers (their newest run), WORKER/RUN as synced, or a run's folder (default: all that ran)",
    )  # fmt: skip
    compare.add_argument("--previous", action="store_true", help="also the earlier runs of these workers, as synced")
    compare.add_argument("--cached", action="store_true", help="ask no host: what was last known")
    compare.add_argument("--markdown", action="store_true", help="as a Markdown page")
    compare.add_argument("--png", default="", metavar="FILE", help="draw the curves and figures into this file too")
    logs = verb("logs", "the end of a worker's training.log")
    logs.add_argument("worker", metavar="WORKER")
    logs.add_argument("-f", "--follow", action="store_true", help="go on with every new line")
    logs.add_argument("--tail", type=int, default=None, metavar="N", help="so many lines (default 200; of a part, all)")
    logs.add_argument(
        "--since", default="", metavar="WHEN", help="what came since 30min, 2h, 1d ago, or 2026-01-31T18:00"
    )
    logs.add_argument("--run", default="", metavar="RUN", help="of this run, instead of the newest")
    logs.add_argument("--attempt", type=int, default=0, metavar="N", help="of this attempt only")
    sync = verb("sync", "fetch results into the project's results folder now")
    _workers(sync, "workers whose results to fetch (default: all that ran)")
    sync.add_argument("--everything", action="store_true", help="every checkpoint, not only best and last")
    sync.add_argument("--run", default="", metavar="RUN", help="this run of one worker, instead of its newest")
    sync.add_argument("--earlier", action="store_true", help="also the earlier runs that are not here yet")
    fetch = verb("fetch", "bring home what was committed in worktrees on hosts; a branch here only moves forward")
    _workers(fetch, "workers whose commits to fetch (default: all)")
    fetch.add_argument("--push", action="store_true", help="then push their branches to origin (asks; never forces)")
    fetch.add_argument("--wip", action="store_true", help="also uncommitted work: as it is now, and as it was saved")
    evidence = verb(
        "evidence", "what shows that tests pass, of which commit; run red, green, refactor, prove in the worktree",
        usage="trajvid-tui evidence [options] [WORKER...]\n"
        "       trajvid-tui evidence [options] WORKER red|green|refactor COMPONENT [-- PYTEST ARGUMENTS]\n"
        "       trajvid-tui evidence [options] WORKER prove [-- PYTEST ARGUMENTS]",
    )  # fmt: skip
    evidence.add_argument("words", nargs="*", metavar="WORKER", help="list these (default: all), or run a phase of one")
    evidence.add_argument("--checklist", action="store_true", help="look for the proofs of their checklists now")
    evidence.add_argument("--cached", action="store_true", help="ask no host: what this laptop has")
    evidence.add_argument("--bar", type=float, default=None, metavar="PERCENT", help="least coverage (default 80)")
    evidence.add_argument(
        "--files",
        action="append",
        default=[],
        metavar="GLOB",
        help="the component's files (default: those named like it)",
    )
    evidence.add_argument(
        "--as-it-is", action="store_true", help="test what lies in the worktree on the host, not the branch's commit"
    )
    integrate = verb("integrate", "do branches go together: merge and test them on a host; no branch moves")
    integrate.add_argument("branches", nargs="+", metavar="WORKER|BRANCH", help="in this order, onto the base")
    integrate.add_argument("--host", default="", help="where (default: the host of these workers)")
    integrate.add_argument("--test", metavar="COMMAND", help='what to run there (default: "$PYTHON" -m pytest -q)')
    integrate.add_argument("--no-test", action="store_true", help="merge only")
    activity = verb("activity", "every action: when, who, what exactly ran, how it ended; of all laptops")
    activity.add_argument("worker", nargs="?", default="", metavar="WORKER", help="only this one")
    activity.add_argument("--since", default="", metavar="WHEN", help="30min, 2h, 1d ago, or 2026-01-31T18:00")
    activity.add_argument("--filter", default="", metavar="WORDS", help="only where every word occurs")
    activity.add_argument("--limit", type=int, default=500, metavar="N", help="the newest N (default 500)")
    activity.add_argument("--cached", action="store_true", help="ask no host: what this laptop did")
    report = verb("report", "one page: what ran since some moment, what passed, what failed and why, what it took")
    report.add_argument(
        "--since", default="1d", metavar="WHEN", help="12h, 1d, 1w ago, or 2026-01-31T18:00 (default 1d)"
    )
    report.add_argument("--markdown", action="store_true", help="as a Markdown page")
    verb("hosts", "each host: connection, GPUs, load, memory, disk, and what is wrong")
    doctor = verb("doctor", "is everything there that the laptop and the hosts need, and how to mend what is not")
    doctor.add_argument("hosts", nargs="*", metavar="HOST", help="only these (default: all that workers use)")
    doctor.add_argument(
        "--fix", action="store_true", help="mend what is safe to mend: close our files, keys and ~/.ssh/config to "
        "others, let runs outlive the last logout, remove unfinished files that nobody will finish"
    )  # fmt: skip
    shell = verb("shell", "an interactive shell on a worker's host, in its worktree, over the one connection")
    shell.add_argument("worker", metavar="WORKER")


def _machines(verb: AddVerb) -> None:
    ec2 = verb("ec2", "the profile's EC2 instances: state, uptime, spent so far; start and stop them, nothing else")
    ec2.add_argument("action", nargs="?", default="list", choices=("list", "start", "stop"), help="default: list")
    ec2.add_argument("hosts", nargs="*", metavar="HOST", help="hosts of the profile (list: default all)")
    ec2.add_argument("--with-runs", action="store_true", help="stop: although runs go on there, or nobody can tell")


def _tidying(verb: AddVerb) -> None:
    trees = verb("worktrees", "where the code of each worker lies on its host; remove it with consent (runs stay)")
    trees.add_argument("action", nargs="?", default="list", choices=("list", "remove", "prune"), help="default: list")
    trees.add_argument("workers", nargs="*", metavar="WORKER", help="only these")
    trees.add_argument("--discard", action="store_true", help="with --yes: also where work lies that is in no commit")
    prune = verb("prune", "say which old runs, checkpoints, bundles and worktrees may go, and remove them after a yes")
    prune.add_argument("workers", nargs="*", metavar="WORKER", help="only what belongs to these")
    prune.add_argument("--older", default="30d", metavar="SPAN", help="what was not used for so long (default 30d)")
    prune.add_argument("--keep", type=int, default=1, metavar="N", help="keep a worker's newest N runs (default 1)")
    prune.add_argument("--here", action="store_true", help="from this laptop: results that their host still keeps")
    prune.add_argument("--unsynced", action="store_true", help="also runs that are not on this laptop (asks for names)")


def _setting_up(verb: AddVerb) -> None:
    init = verb("init", "write a commented profiles.yaml here, or add a host of yours")
    init.add_argument("address", nargs="?", default="", metavar="[USER@]ADDRESS", help="the machine, or an ssh alias")
    init.add_argument("-i", "--identity", default="", metavar="KEY", help="private key file")
    init.add_argument("--name", default="", help="the host's name in profiles (default: from the address)")
    init.add_argument("--port", type=int, default=0)
    demo = verb("demo", "make a repository of its own whose branches train on this machine, to look around")
    demo.add_argument("--clean", action="store_true", help="remove it with its results")

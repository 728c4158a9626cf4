"""profiles.yaml and the user's hosts.yaml, read into the records of `remote.profiles`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from remote.ec2_place import Ec2Place
from remote.errors import ConfigError, UsageError
from remote.names import check_host_name, check_name, check_user_name, hashed_slug, unique_slugs
from remote.onhost.git import branch_problem
from remote.onhost.globs import pattern_problem
from remote.profile_schema import (
    ChecklistEntry,
    Ec2Entry,
    HostEntry,
    ProfileEntry,
    SyncEntry,
    UserHosts,
    WorkerEntry,
    WorkerSettings,
)
from remote.profiles import TRAINER, Host, Profile, Scalar, SyncPolicy, ToDo, Worker, embedded_host
from remote.schema_errors import nearest, validated
from remote.strict_yaml import Document, Place, load_file
from remote.userhosts import hosts_file
from remote.worker_cluster import launcher, ranks
from remote.worker_code import worker_code
from remote.worker_resources import resources

LOCAL = "local"
"""The embedded host, which is there even if no file names it."""


def read_profile(path: Path) -> Profile:
    """See `remote.profiles.load_profile`."""
    if not path.is_file():
        raise ConfigError("there is no such file", file=str(path), hint="`trajvid-tui init` writes one")
    path = path.resolve()
    document = load_file(path)
    entry = validated(ProfileEntry, document)
    reader = _Reader(document)
    reader.check(("project",), lambda: check_name(entry.project, "project name"))
    hosts = {**read_user_hosts(), **reader.hosts(entry.hosts)}
    hosts.setdefault(LOCAL, embedded_host(LOCAL))
    return Profile(
        path=path,
        folder=path.parent,
        project=entry.project,
        project_id=hashed_slug(entry.project),
        base=entry.base,
        results=reader.results(entry.results, path.parent),
        hosts=hosts,
        workers=reader.workers(entry, hosts),
        sync=reader.sync(entry.sync),
    )


def read_user_hosts() -> dict[str, Host]:
    """Hosts of the user's own file; none if there is no such file."""
    path = hosts_file()
    if not path.exists():
        return {}
    document = load_file(path)
    if document.data is None:
        return {}
    return _Reader(document).hosts(validated(UserHosts, document).hosts)


@dataclass
class _Reader:
    """Checks that need more than one key, each with the line of the key to blame."""

    document: Document

    def error(self, place: Place, text: str, hint: str = "") -> ConfigError:
        key = str(place[-1]) if place else ""
        return ConfigError(text, file=self.document.file, line=self.document.line(place), key=key, hint=hint)

    def check(self, place: Place, rule: object) -> None:
        try:
            rule()  # type: ignore[operator]
        except ConfigError:
            raise
        except UsageError as exc:
            raise self.error(place, exc.message, exc.hint) from exc

    def hosts(self, entries: dict[str, HostEntry]) -> dict[str, Host]:
        return {name: self.host(name, entry) for name, entry in entries.items()}

    def host(self, name: str, entry: HostEntry) -> Host:
        place = ("hosts", name)
        self.check(place, lambda: check_name(name, "host name"))
        self._check_absolute(place, "root", entry.root)
        if entry.identity:
            self._check_absolute(place, "identity", entry.identity)
        if entry.kind == "embedded":
            for key in ("address", "alias", "ec2", "user", "port", "identity"):
                if getattr(entry, key):
                    raise self.error((*place, key), f"{name}: an embedded host is this machine and takes no `{key}`")
            return replace(
                embedded_host(name, entry.root, entry.python),
                cost_per_hour_usd=entry.cost_per_hour_usd,
                slots=entry.slots,
                stagger_s=entry.stagger_s,
                launcher=entry.launcher,
                slurm=entry.slurm.model_dump(exclude_defaults=True),
            )
        if [bool(entry.address), bool(entry.alias), entry.ec2 is not None].count(True) != 1:
            either = "either `address` or `alias` (an entry of ~/.ssh/config) or `ec2` (an instance)"
            raise self.error(place, f"{name}: give {either}")
        if entry.ec2 is None:
            self.check((*place, "address"), lambda: check_host_name(entry.address or entry.alias, name))
        if entry.user:
            self.check((*place, "user"), lambda: check_user_name(entry.user, name))
        if entry.launcher == "slurm" and entry.ec2 is not None and entry.ec2.idle_stop_min:
            text = f"{name}: a machine that serves a cluster is not its own to stop: no `idle_stop_min` with `slurm`"
            raise self.error((*place, "ec2", "idle_stop_min"), text)
        return Host(
            name=name,
            address=entry.address,
            user=entry.user,
            port=entry.port,
            identity=entry.identity,
            alias=entry.alias,
            ec2=self._ec2((*place, "ec2"), name, entry.ec2) if entry.ec2 else None,
            root=entry.root,
            python=entry.python or "python3",
            cost_per_hour_usd=entry.cost_per_hour_usd,
            slots=entry.slots,
            stagger_s=entry.stagger_s,
            launcher=entry.launcher,
            slurm=entry.slurm.model_dump(exclude_defaults=True),
        )

    def _ec2(self, place: Place, name: str, entry: Ec2Entry) -> Ec2Place:
        if bool(entry.instance) == bool(entry.tag):
            raise self.error(place, f"{name}: give either `instance` (i-...) or `tag` (such as {{Name: {name}}})")
        return Ec2Place(entry.region, entry.instance, tuple(entry.tag.items()), entry.profile, entry.private,
                        entry.idle_stop_min or 0)  # fmt: skip

    def _check_absolute(self, place: Place, key: str, path: str) -> None:
        if not path.startswith(("/", "~/")) or not path.isprintable():
            raise self.error((*place, key), f"`{key}` must start with / or ~/, not {path!a}")

    def results(self, text: str, folder: Path) -> Path:
        """Where results go. A profile may come with a clone, so it cannot reach hidden folders or leave by `..`."""
        path = Path(text).expanduser()
        if any(part.startswith(".") for part in PurePosixPath(text).parts if part != "."):
            raise self.error(("results",), f"`results` may not lead through hidden folders or '..': {text!r}")
        return folder / path

    def sync(self, entry: SyncEntry) -> SyncPolicy:
        policy = SyncPolicy(interval_s=entry.interval_s, bandwidth_kib=entry.bandwidth_kib, earlier=entry.earlier)
        return replace(
            policy,
            include=self.patterns(("sync", "include"), entry.include),
            exclude=self.patterns(("sync", "exclude"), entry.exclude),
            max_file_bytes=(entry.max_file_mib or 0) * 2**20 or policy.max_file_bytes,
            quota_bytes=(entry.quota_mib or 0) * 2**20,
        )

    def patterns(self, place: Place, given: Sequence[str] | None) -> tuple[str, ...]:
        """Globs, each of a path that stays below its folder."""
        for pattern in given or ():
            if problem := pattern_problem(pattern):
                raise self.error(place, f"{pattern!a} is no pattern of files: {problem}")
        return tuple(given or ())

    def workers(self, entry: ProfileEntry, hosts: dict[str, Host]) -> dict[str, Worker]:
        for name in entry.workers:
            self.check(("workers", name), lambda name=name: check_name(name))
        slugs: dict[str, str] = {}
        self.check(("workers",), lambda: slugs.update(unique_slugs(list(entry.workers))))
        return {
            name: self.worker(name, slugs[name], item, entry.defaults, hosts) for name, item in entry.workers.items()
        }

    def worker(
        self, name: str, slug: str, entry: WorkerEntry, defaults: WorkerSettings, hosts: dict[str, Host]
    ) -> Worker:
        place = ("workers", name)
        if problem := branch_problem(entry.branch):
            raise self.error((*place, "branch"), f"{name}: {entry.branch!a} cannot be a branch: {problem}")
        command = self._command(place, entry)
        if bool(entry.config) == bool(command):
            raise self.error(place, f"{name}: give either `config` (the trainer) or `command` (anything else)")
        if command and entry.set:
            raise self.error((*place, "set"), f"{name}: `set` is for `config`; a command takes its own arguments")
        host = entry.host or defaults.host or LOCAL
        if host not in hosts:
            blamed = (*place, "host") if entry.host else ("defaults", "host")
            raise self.error(blamed, f"{name}: no host is named {host!r}", nearest(host, hosts))
        plain = bool(command) and command[0] != TRAINER
        python, environment = self._python(place, entry, defaults, plain=plain)
        overrides = {} if command else {**defaults.set, **entry.set}
        return Worker(
            name=name,
            slug=slug,
            host=host,
            branch=entry.branch,
            config=entry.config,
            set=overrides,
            command=command,
            env={**defaults.variables, **entry.variables},
            python=python,
            environment=environment,
            **worker_code(entry, defaults, self._blamer(place), environment=environment, plain=plain),
            grace_s=_first(entry.grace_s, defaults.grace_s, 30.0),
            beat_interval_s=_first(entry.beat_interval_s, defaults.beat_interval_s, 30.0),
            restart_limit=int(_first(entry.restart_limit, defaults.restart_limit, 0)),
            resources=self._resources(place, entry, defaults),
            launcher=launcher(entry, defaults, hosts[host], self._blamer(place)),
            ranks=ranks(entry, defaults, hosts[host], self._blamer(place)),
            requires=entry.requires or defaults.requires or "",
            checklist=self._checklist((*place, "checklist"), entry),
            collect=self._collect(place, entry, defaults),
            extractor=_extractor(entry.config, overrides),
        )

    def _collect(self, place: Place, entry: WorkerEntry, defaults: WorkerSettings) -> tuple[str, ...]:
        if entry.collect is not None:
            return self.patterns((*place, "collect"), entry.collect)
        return self.patterns(("defaults", "collect"), defaults.collect)

    def _checklist(self, place: Place, entry: WorkerEntry) -> tuple[ToDo, ...]:
        return tuple(self._to_do((*place, index), item) for index, item in enumerate(entry.checklist))

    def _to_do(self, place: Place, item: ChecklistEntry) -> ToDo:
        proofs = [proof for proof in ("gate", "file", "command", "evidence") if getattr(item, proof) is not None]
        if len(proofs) != 1:
            raise self.error(place, f"{item.text!a} needs exactly one proof: gate, file, command or evidence")
        if item.sha256 and proofs != ["file"]:
            raise self.error((*place, "sha256"), "`sha256` is for `file`")
        given = getattr(item, proofs[0])
        words = shlex.split(given) if proofs == ["command"] and isinstance(given, str) else given
        argument = tuple(words) if isinstance(words, list) else (words, item.sha256) if item.sha256 else (words,)
        return ToDo(item.text, proofs[0], argument)

    def _resources(self, place: Place, entry: WorkerEntry, defaults: WorkerSettings) -> dict[str, Any]:
        return resources(entry, defaults, self._blamer(place))

    def _blamer(self, place: Place) -> Callable[[str, str], NoReturn]:
        """What other modules call with the key of a worker and what is wrong with it."""

        def blame(key: str, text: str) -> NoReturn:
            raise self.error((*place, key), f"{place[-1]}: {text}")

        return blame

    def _command(self, place: Place, entry: WorkerEntry) -> tuple[str, ...]:
        if entry.command is None:
            return ()
        if isinstance(entry.command, list):
            command = entry.command
        else:
            try:
                command = shlex.split(entry.command)
            except ValueError as exc:
                raise self.error((*place, "command"), f"`command`: {str(exc).lower()}") from exc
        if not command or not command[0] or any("\0" in part for part in command):
            raise self.error((*place, "command"), "`command` is empty")
        return tuple(command)

    def _python(self, place: Place, entry: WorkerEntry, defaults: WorkerSettings, *, plain: bool) -> tuple[str, str]:
        """Python and environment of a worker: its own word first. A default environment is for the trainer only."""
        for settings, where in ((entry, place), (defaults, ("defaults",))):
            if settings.env and settings.python:
                raise self.error((*where, "python"), "`env: create` and `python` exclude each other")
        if entry.env or entry.python:
            return entry.python or "", entry.env or ""
        return defaults.python or "", "" if plain else defaults.env or ""


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)


def _extractor(config: str, overrides: dict[str, Scalar]) -> str:
    named = overrides.get("extractor")
    # The trainer's `branch-1-i3d` is i3d in the plan's own form.
    return str(named) if named else re.sub(r"^branch-\d+-", "", PurePosixPath(config).stem) if config else ""

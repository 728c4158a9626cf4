"""All workers of a profile on all their hosts, as rows that are always true: what the app and the verbs look at.

    fleet = Fleet(profile, asker=asker, history=history)
    fleet.snapshots()              from the cache, before anything heavy is imported
    await fleet.start()            returns at once; connections, followers and syncs go on in the background
    fleet.subscribe(callback)      every change of every row
    await fleet.close()            never touches what runs on the hosts

A host that fails keeps its rows as they were last known, says why, and disturbs no other host.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from remote.asker import Asker, Refuser
from remote.cache import Cache
from remote.clean import clean
from remote.ec2_standing import Standing
from remote.errors import UsageError
from remote.fold import FOLDER_NAME, fold, fold_facts
from remote.host_watch import HostWatch
from remote.hosts import WARNING_CHARS, HostSnapshot, HostWarning, noted, place_of
from remote.keys import Keys
from remote.log_lines import LogCallback, LogLines
from remote.places import Place, Places
from remote.row import drop_log, forget
from remote.rows import Callback, Rows
from remote.snapshot import HostFacts, Link, LinkStatus, RunSnapshot, SyncPhase, SyncStatus
from remote.sync_schedule import SyncSchedule
from remote.synced import status_here
from remote.verdict import settle
from remote.waking import Waking
from remote.who import nearest, who
from wire.codec import WireError
from wire.records import PROTOCOL_VERSION, Action

if TYPE_CHECKING:
    from pathlib import Path

    from remote.connection import Connection
    from remote.farside import FarSide
    from remote.history import History
    from remote.profiles import Host, Profile


class Fleet:
    """Rows of all workers, kept true by one follower a host."""

    def __init__(
        self,
        profile: Profile,
        *,
        asker: Asker | None = None,
        history: History | None = None,
        clock: Callable[[], float] = time.monotonic,
        by: str | None = None,
    ) -> None:
        self.profile, self.clock, self.by = profile, clock, by or who()
        self.warnings: tuple[HostWarning, ...] = ()
        """What of any host made no sense, newest last."""
        self._asker: Asker = asker or Refuser()
        self.keys = Keys(profile.path, self._asker)
        self._cache = Cache(history, profile.project_id)
        self._places = Places(profile.workers.values())
        self._rows = Rows(clock, self._row_changed)
        self._shown: set[str] = set()
        self._connections: dict[str, Connection] = {}
        self._fars: dict[str, FarSide] = {}
        self._watches: dict[str, HostWatch] = {}
        self._facts: dict[str, HostFacts] = {}
        self._instances = {name: Standing() for name, host in profile.hosts.items() if host.ec2 is not None}
        self._arranging: set[asyncio.Task[None]] = set()
        self._mentioned: dict[str, set[str]] = {}
        self._listed: set[str] = set()
        self._selected: str | None = None
        self._logs: dict[str, LogLines] = {}
        self.syncs = SyncSchedule(self)
        self._waking = Waking(lambda slept_s: self.woke())
        for place in self._places:
            self._open_row(place)

    # ------------------------------------------------------------------ reading

    @property
    def results(self) -> Path:
        """Where the results of all workers come to lie on this laptop."""
        return self.profile.results

    def snapshots(self) -> list[RunSnapshot]:
        """One snapshot a worker: those of the profile in its order, then ad hoc ones that run or were asked for."""
        return [self._rows[place.name].snapshot for place in self._places if self._visible(place)]

    def snapshot(self, worker: str) -> RunSnapshot:
        """The snapshot of one worker. Raises `UsageError` for a name that nobody knows."""
        return self._rows[self.place(worker).name].snapshot

    def place(self, worker: str) -> Place:
        """Where a worker lives. Raises `UsageError` for a name that nobody knows."""
        return self._places.named(worker)

    def links(self) -> dict[str, LinkStatus]:
        """The connection of every host that was started."""
        return {name: watch.status for name, watch in self._watches.items()}

    def hosts(self) -> list[HostSnapshot]:
        """One snapshot a host, in the profile's order."""
        return [self._host_snapshot(host) for host in self.profile.hosts.values()]

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Call back with every changed snapshot, on the loop; the result ends it."""
        return self._rows.subscribe(callback)

    async def changed(self) -> None:
        """Return after the next change of any row."""
        await self._rows.changed()

    async def settled(self, hosts: Collection[str]) -> None:
        """Return once each of these hosts has told all that it knows, or has failed to (see `links`)."""
        while any(not self._has_answered(host) for host in hosts):
            await self.changed()

    async def judged(self) -> None:
        """Return once no state is still being checked: a few seconds if a supervisor was just found dead."""
        while self._rows.judging:
            await self.changed()

    # ------------------------------------------------------------------ steering

    async def start(
        self, workers: Sequence[str] | None = None, *, hosts: Collection[str] | None = None, sync: bool = True
    ) -> None:
        """Keep the hosts of these workers (default: all) connected and followed, and their results synced."""
        self._waking.start()
        wanted = set(hosts or ())
        if hosts is None:
            wanted = {place.host for place in (self._places if workers is None else map(self.place, workers))}
        for host in sorted(wanted):
            self._watch(host).start()
            if sync:
                self.syncs.start(host)

    def select(self, worker: str | None) -> None:
        """Stream the log of this worker into its snapshot, and no other's."""
        old, self._selected = self._selected, worker
        if old == worker:
            return
        if old is not None:
            self._rows.put(drop_log(self._rows[old]))
        chosen = self.place(worker) if worker is not None else None
        for host, watch in self._watches.items():
            watch.select(chosen.slug if chosen is not None and chosen.host == host else None)

    def on_log(self, worker: str, callback: LogCallback) -> None:
        """Give every log line of the selected worker to `callback`, each once, also over reconnects."""
        self._logs[self.place(worker).name] = LogLines(callback)

    def retry_now(self, host: str) -> None:
        """Try a lost host again at once; follow one that was not needed so far."""
        watch = self._watch(host)
        watch.start()
        watch.retry_now()

    def redial(self, host: str) -> None:
        """The same for a host that is followed already; what nobody needed stays alone."""
        if host in self._watches:
            self._watches[host].retry_now()

    def woke(self) -> None:
        """Ask every host anew: this laptop slept, and no timer of ours noticed."""
        for host, link in self._connections.items():
            if host in self._watches:
                self._watches[host].woke()
            else:
                link.woke()

    def connection(self, host: str) -> Connection:
        """The one connection to a host; nothing is dialled before somebody needs it."""
        if host not in self._connections:
            from remote.connection import Connection

            self._connections[host] = Connection(
                self.host(host), asker=self._asker, on_status=lambda status: self._connection_changed(host, status)
            )
        return self._connections[host]

    def far(self, host: str) -> FarSide:
        """The far side of a host, over that connection."""
        if host not in self._fars:
            from remote.farside import FarSide

            self._fars[host] = FarSide(self.connection(host), self.host(host))
        return self._fars[host]

    def host(self, name: str) -> Host:
        """The host of the profile. Raises `UsageError` for a name that is not in it."""
        if name not in self.profile.hosts:
            raise UsageError(f"no host named {name!r}", hint=nearest(name, self.profile.hosts), code="unknown_host")
        return self.profile.hosts[name]

    def adopt(self, host: str, slug: str) -> Place:
        """Give a worker that the profile does not name a row, and show it from now on."""
        place = self._at(host, slug)
        if place is None:
            raise UsageError(f"{host} has too many workers that {self.profile.path} does not name")
        self._shown.add(place.name)
        return place

    def note(self, worker: str, step: str) -> None:
        """Show what this laptop is doing for a worker right now; '' when it is done."""
        self._rows.change(self.place(worker).name, step=step)

    def synced(self, worker: str, status: SyncStatus) -> None:
        """Show how far the results of a worker have come."""
        self._rows.change(self.place(worker).name, sync=status)
        if status.phase is SyncPhase.DONE:
            self._cache.changed(self.snapshot(worker))

    def record(self, worker: str, verb: str, command: str, result: str, attempt: str = "") -> None:
        """Remember a verb that was used here; the host keeps its own record of it."""
        action = Action(verb, self.by, time.time(), command, result, attempt or self.snapshot(worker).attempt)
        self._cache.record(worker, action)

    def record_host(self, host: str, verb: str, command: str, result: str) -> None:
        """Remember a verb that was used here on a host itself, which keeps no record of it."""
        self._cache.record("", Action(verb, self.by, time.time(), command, result, extra={"host": host}))

    def note_instance(self, host: str, **parts: Any) -> None:
        """Take over what is new about the instance of an EC2 host: fields of its `Standing`."""
        self._instances[host] = replace(self._instances[host], **parts)

    def recorded(self, worker: str = "", limit: int = 100) -> list[tuple[str, Action]]:
        """The newest verbs that were used here, each with its worker, newest first; `worker` "" means all."""
        return self._cache.recorded(worker, limit)

    def name_at(self, host: str, slug: str) -> str:
        """The name on the screen of the worker in a folder of a host."""
        place = self._places.at(host, slug)
        return slug if place is None else place.name

    async def close(self) -> None:
        """End connections, followers and syncs. What runs on the hosts goes on."""
        self._waking.close()
        self._rows.close()
        await self.syncs.close()
        for task in self._arranging:
            task.cancel()
        await asyncio.gather(*self._arranging, return_exceptions=True)
        watched = list(self._watches.values())
        await asyncio.gather(*(watch.close() for watch in watched), return_exceptions=True)
        unwatched = [link for host, link in self._connections.items() if host not in self._watches]
        await asyncio.gather(*(link.close() for link in unwatched), return_exceptions=True)
        self._cache.close()

    # ------------------------------------------------------------------ what hosts say (host_watch.Listener)

    def host_said(self, host: str, message: dict[str, Any]) -> None:
        """Take one message of a host's follower."""
        kind = message.get("k")
        if kind in ("run", "lines"):
            self._host_told(host, message)
        elif kind == "hello":
            self._mentioned[host] = set()
            if message.get("protocol") != PROTOCOL_VERSION:
                self.host_warned(host, "its follower speaks another version of the protocol")
        elif kind == "facts":
            try:
                self._facts[host] = fold_facts(message, self.clock(), time.time())
            except WireError as exc:
                self.host_warned(host, f"facts: {exc}")
            self._confirm(host)
        elif kind == "pong":
            self._confirm(host)

    def host_reached(self, host: str) -> None:
        """Arrange on a host that was just reached what must hold there while no laptop looks."""
        if host in self._instances:
            from remote.ec2_idle import arrange

            task = asyncio.create_task(arrange(self, host))
            self._arranging.add(task)
            task.add_done_callback(self._arranging.discard)

    def host_warned(self, host: str, text: str) -> None:
        """Remember what makes no sense."""
        self.warnings = noted(self.warnings, host, clean(text, WARNING_CHARS), self.clock())

    def host_listed(self, host: str) -> None:
        """Believe the host about runs that it no longer has."""
        self._listed.add(host)
        told = self._mentioned.get(host, set())
        for place in self._places.of_host(host):
            row = self._rows[place.name]
            if place.slug not in told and row.snapshot.run:
                self._rows.put(settle(forget(row, reason="the host has no run of this worker"), self.clock()))
        self._confirm(host)

    def host_link(self, host: str, status: LinkStatus) -> None:
        """Put a host's connection beside the states of its rows, which it never changes."""
        if status.link is not Link.LIVE:
            self._listed.discard(host)
        for place in self._places.of_host(host):
            self._rows.change(place.name, link=status)
        self._rows.wake()

    # ------------------------------------------------------------------ inside

    def _host_snapshot(self, host: Host) -> HostSnapshot:
        name = host.name
        held = self._watches.get(name) or self._connections.get(name)
        link = held.status if held is not None else LinkStatus()
        probe = self._fars[name].probe if name in self._fars else None
        return HostSnapshot(
            name, host.kind, place_of(host), host.cost_per_hour_usd, link, self._facts.get(name), probe,
            self._instances.get(name), tuple(one for one in self.warnings if one.host == name),
        )  # fmt: skip

    def _open_row(self, place: Place) -> None:
        blank = RunSnapshot(host=place.host, project=self.profile.project, worker=place.name)
        if place.worker is not None:
            blank = replace(blank, branch=place.worker.branch, extractor=place.worker.extractor)
        if place.host in self._watches:
            blank = replace(blank, link=self._watches[place.host].status)
        known = self._cache.load(blank)
        self._rows.open(self._with_results(place, known) if known.run else known)

    def _with_results(self, place: Place, row: RunSnapshot) -> RunSnapshot:
        """The row with what lies on this laptop of its run already."""
        folder = self.results / place.slug / row.run
        return replace(row, sync=status_here(folder, self.clock(), time.time()))

    def _at(self, host: str, slug: str) -> Place | None:
        """The worker in a folder of a host; one that the profile does not know is taken note of."""
        place = self._places.at(host, slug)
        if place is None:
            place = self._places.add(host, slug)
            if place is not None:
                self._open_row(place)
        return place

    def _visible(self, place: Place) -> bool:
        """A worker that the profile does not name is shown once it was seen to run in this session."""
        if self._rows[place.name].snapshot.state.active:
            self._shown.add(place.name)
        return place.worker is not None or place.name in self._shown

    def _row_changed(self, before: RunSnapshot, after: RunSnapshot) -> bool:
        self.syncs.notice(before, after)
        return self._visible(self.place(after.worker))

    def _watch(self, host: str) -> HostWatch:
        if host not in self._watches:
            link, far = self.connection(host), self.far(host)
            self._watches[host] = HostWatch(link, far, host, self.profile.project_id, self, clock=self.clock)
            if self._selected is not None and self.place(self._selected).host == host:
                self._watches[host].select(self.place(self._selected).slug)
        return self._watches[host]

    def _connection_changed(self, host: str, status: LinkStatus) -> None:
        if host in self._watches:
            self._watches[host].connection_changed(status)
        elif status.link is not Link.LIVE:
            # Without a follower a connection confirms nothing, so it is never shown as live.
            self.host_link(host, status)

    def _has_answered(self, host: str) -> bool:
        watch = self._watches.get(host)
        return watch is None or host in self._listed or watch.status.link in (Link.OFFLINE, Link.NEEDS_YOU)

    def _host_told(self, host: str, message: dict[str, Any]) -> None:
        slug = message.get("worker")
        if not isinstance(slug, str) or not FOLDER_NAME.match(slug):
            self.host_warned(host, "a message names no valid worker")
            return
        self._mentioned.setdefault(host, set()).add(slug)
        place = self._at(host, slug)
        if place is None:
            return
        before = self._rows[place.name].snapshot.run
        folded = fold(self._rows[place.name], message, self.clock())
        for warning in folded.warnings:
            self.host_warned(host, f"{place.name}: {warning}")
        row = folded.row
        if row.snapshot.run != before:
            row = replace(row, snapshot=self._with_results(place, row.snapshot))
        self._rows.put(row)
        self._cache.changed(self._rows[place.name].snapshot)
        if place.name in self._logs and message.get("file") == "log" and not folded.warnings:
            self._logs[place.name].take(message)

    def _confirm(self, host: str) -> None:
        """The follower answers, so what it said about every run still holds."""
        if host not in self._listed:
            return
        now, facts = self.clock(), self._facts.get(host)
        for place in self._places.of_host(host):
            self._rows.change(place.name, seen_at=now, facts=facts, cached_age_s=None)

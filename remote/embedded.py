"""The host `local`: an SSH server inside this process that runs commands on this machine.

It is the same code path as any other host, with nothing to install: real SSH over a socket pair that nobody else can
reach, keys made for the moment, exec, SFTP, exit statuses and signals. Tests also use it as a host with faults
(`EmbeddedServer.faults`) and over TCP for a foreign client (`listen`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import asyncssh

from remote.embedded_command import CommandSession, serve
from remote.embedded_link import Faults, relay
from remote.errors import Unreachable
from remote.login import Watched
from remote.profiles import Host
from remote.ssh_options import BULK, CIPHERS

USER = "local"
_SFTP_VERSION = 3
"""The version that OpenSSH speaks."""
_MAX_SESSIONS_CODE = 2
"""Reason code of OpenSSH's refusal over MaxSessions (RFC 4254, SSH_OPEN_CONNECT_FAILED)."""

# What a login shell of this user would have, and what installing packages and reaching a GPU need. An allow list:
# the app's environment may hold secrets that no run should inherit.
_ENV_NAMES = frozenset(
    (
        *("HOME", "USER", "LOGNAME", "SHELL", "PATH", "TZ", "TMPDIR", "LANG", "LANGUAGE", "LD_LIBRARY_PATH"),
        *("XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "TORCH_INDEX", "OMP_NUM_THREADS", "MKL_NUM_THREADS"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
        *("ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
        *("AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_DISABLED", "SLURM_CONF"),
    )
)
_ENV_PREFIXES = ("LC_", "PIP_", "CUDA_", "NVIDIA_")


def login_environment(source: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that commands of the embedded host get."""
    return {name: text for name, text in source.items() if name in _ENV_NAMES or name.startswith(_ENV_PREFIXES)}


class EmbeddedServer:
    """SSH server for this process alone. It has no state of an event loop before the first dial.

    With `faults` given, its connections pass through a link on which also those of the network act.
    """

    def __init__(self, env: Mapping[str, str] | None = None, faults: Faults | None = None) -> None:
        self.env = dict(env) if env is not None else login_environment(os.environ)
        self.faults = faults or Faults()
        self._relays: set[asyncio.Task[None]] | None = None if faults is None else set()
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.client_key = asyncssh.generate_private_key("ssh-ed25519")
        self._links: dict[asyncssh.SSHServerConnection, set[asyncio.Task[None]]] = {}
        self._accepting: dict[asyncssh.SSHClientConnection, asyncio.Task[asyncssh.SSHServerConnection]] = {}
        self._listener: asyncssh.SSHAcceptor | None = None

    async def dial(
        self, client_factory: Callable[[], asyncssh.SSHClient] = asyncssh.SSHClient
    ) -> asyncssh.SSHClientConnection:
        """A new connection over a fresh socket pair. Raises ConnectionRefusedError by fault only."""
        if self.faults.refuse_dials:
            self.faults.refuse_dials -= 1
            raise ConnectionRefusedError("refused by fault")
        ours, theirs = self._ends()
        server = asyncio.ensure_future(asyncssh.run_server(theirs, **self._server_options()))
        try:
            client = await asyncssh.connect(
                "local",
                sock=ours,
                username=USER,
                client_keys=[self.client_key],
                known_hosts=([self.host_key.convert_to_public()], [], []),
                config=None,
                agent_path=None,
                encryption_algs=CIPHERS,
                client_factory=client_factory,
                gss_auth=False,
                gss_kex=False,
            )
        except BaseException:
            server.cancel()
            await asyncio.gather(server, return_exceptions=True)
            raise
        self._accepting[client] = server
        return client

    def _ends(self) -> tuple[socket.socket, socket.socket]:
        """Both ends of a new connection."""
        ours, theirs = _pair()
        if self._relays is None:
            return ours, theirs
        far, server = _pair()
        task = asyncio.ensure_future(relay(theirs, far, self.faults))
        self._relays.add(task)
        task.add_done_callback(self._relays.discard)
        return ours, server

    async def listen(self) -> int:
        """Listen on 127.0.0.1 for a client that is not ours (tests); the port. `client_key` opens it."""
        self._listener = await asyncssh.listen("127.0.0.1", 0, **self._server_options())
        return self._listener.get_port()

    def drop(self) -> None:
        """Abort every connection, as a cut cable would."""
        for link in list(self._links):
            link.abort()

    async def hang_up(self, client: asyncssh.SSHClientConnection) -> None:
        """Close one dialled connection; returns once its commands have let go of it too."""
        client.abort()
        await client.wait_closed()
        if accepting := self._accepting.pop(client, None):
            link, *_ = await asyncio.gather(accepting, return_exceptions=True)
            if isinstance(link, asyncssh.SSHServerConnection):
                await self._end(link)

    async def close(self) -> None:
        """Close everything. What runs in sessions of its own (a supervisor) goes on."""
        if self._listener is not None:
            self._listener.close()
            await self._listener.wait_closed()
            self._listener = None
        for client in list(self._accepting):
            await self.hang_up(client)
        for link in list(self._links):
            await self._end(link)
        for task in list(self._relays or ()):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _end(self, link: asyncssh.SSHServerConnection) -> None:
        tasks = self._links.get(link, set())
        link.abort()
        await link.wait_closed()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._links.pop(link, None)

    def _server_options(self) -> dict[str, object]:
        return {
            "server_factory": lambda: _Server(self),
            "server_host_keys": [self.host_key],
            "encoding": None,
            "allow_pty": True,
            "line_editor": False,
            "login_timeout": 20,
            "encryption_algs": CIPHERS,
            "gss_host": None,
            **BULK,
        }

    def attach(self, link: asyncssh.SSHServerConnection) -> None:
        self._links[link] = set()

    def _ended(self, link: asyncssh.SSHServerConnection, task: asyncio.Task[None]) -> None:
        self._links.get(link, set()).discard(task)
        self.detach(link)

    def detach(self, link: asyncssh.SSHServerConnection) -> None:
        """Forget a connection that is closed and whose commands have ended."""
        if link.is_closed() and not self._links.get(link):
            self._links.pop(link, None)

    def session(self, link: asyncssh.SSHServerConnection) -> CommandSession:
        """A new channel's session. Raises ChannelOpenError by fault."""
        running = self._links.setdefault(link, set())
        full = self.faults.max_sessions and len(running) >= self.faults.max_sessions
        if full or self.faults.refuse_opens:
            self.faults.refuse_opens = max(0, self.faults.refuse_opens - (not full))
            raise asyncssh.ChannelOpenError(_MAX_SESSIONS_CODE, "open failed")

        def start(session: asyncssh.SSHServerProcess[bytes]) -> None:
            assert isinstance(session, CommandSession)
            task = asyncio.ensure_future(self._serve(session))
            running.add(task)
            task.add_done_callback(lambda done: self._ended(link, done))

        return CommandSession(start, self._files, _SFTP_VERSION, False)

    def _files(self, chan: Any) -> asyncssh.SFTPServer:
        return _HomeFiles(chan, self.env.get("HOME", "/"))

    async def _serve(self, session: CommandSession) -> None:
        if self.faults.delay_s:
            await asyncio.sleep(self.faults.delay_s)
        await serve(session, self.env)


def _pair() -> tuple[socket.socket, socket.socket]:
    """Two connected sockets for the loop."""
    ends = socket.socketpair()
    for end in ends:
        end.setblocking(False)
    return ends


class _Server(asyncssh.SSHServer):
    """One connection: only the key of this server's own client opens it."""

    def __init__(self, owner: EmbeddedServer) -> None:
        self._owner = owner
        self._link: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._link = conn
        self._owner.attach(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._link is not None:
            asyncio.get_running_loop().call_soon(self._owner.detach, self._link)

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return key == self._owner.client_key.convert_to_public()

    def session_requested(self) -> CommandSession:
        assert self._link is not None
        return self._owner.session(self._link)


class _HomeFiles(asyncssh.SFTPServer):
    """SFTP as OpenSSH serves it: relative paths start in the home folder."""

    def __init__(self, chan: asyncssh.SSHServerChannel[bytes], home: str) -> None:
        super().__init__(chan)
        self._home = os.fsencode(home)

    def map_path(self, path: bytes) -> bytes:
        return path if path.startswith(b"/") else self._home + b"/" + path


_shared: EmbeddedServer | None = None


def shared() -> EmbeddedServer:
    """The server of this process, made when the first connection needs it."""
    global _shared
    if _shared is None:
        _shared = EmbeddedServer()
    return _shared


async def dial(server: EmbeddedServer, host: Host, on_lost: Callable[[str], None]) -> asyncssh.SSHClientConnection:
    """Dial as any other host is dialled. Raises `Unreachable`."""
    try:
        return await server.dial(lambda: Watched(host.name, on_lost))
    except (asyncssh.Error, OSError) as exc:
        raise Unreachable(f"{host.name}: the server in this program refused: {exc}") from exc


@contextlib.asynccontextmanager
async def serving(server: EmbeddedServer) -> AsyncIterator[EmbeddedServer]:
    """Let `server` be the shared one meanwhile, and close it afterwards (tests)."""
    global _shared
    before, _shared = _shared, server
    try:
        yield server
    finally:
        _shared = before
        await server.close()

"""What a bridge serves: each door recognises one command of git or rsync, and says what runs on the host instead."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence

from remote.onhost.git import git_argv

Door = Callable[[Sequence[str]], str | None]
"""Maps the helper's arguments to the command for the host, None to refuse."""

HOST = "host"
"""What git and rsync call the other side."""
PLACE = "/place"
"""What they call the folder there; a door puts the real path in."""

_RSYNC_OPTION = re.compile(r"-[A-Za-z0-9.]+\Z|--[a-z][a-z0-9-]*(=[A-Za-z0-9._+-]*)?\Z")


def git_door(repository: str) -> Door:
    """Serve a push into `repository` on the host, hooks off."""

    def door(argv: Sequence[str]) -> str | None:
        if list(argv) != [HOST, f"git-receive-pack '{PLACE}'"]:
            return None
        return shlex.join(["exec", *git_argv(repository, ["receive-pack", repository])])

    return door


def git_read_door(repository: str) -> Door:
    """Serve a fetch of commits, each named by its full hash, from `repository` on the host.

    With version 2 of the protocol the host does not list its refs first, of which there is one a launch; an older git
    there lists them, and has to be told that other hashes may be asked for.
    """
    ours = ["-c", "uploadpack.allowAnySHA1InWant=true", "upload-pack", repository]

    def door(argv: Sequence[str]) -> str | None:
        if list(argv) != [HOST, f"git-upload-pack '{PLACE}'"]:
            return None
        return shlex.join(["exec", "env", "GIT_PROTOCOL=version=2", *git_argv(repository, ours)])

    return door


def rsync_door(folder: str) -> Door:
    """Serve the reading side of an rsync of `folder` on the host, never the writing one."""

    def door(argv: Sequence[str]) -> str | None:
        words = [word for argument in argv for word in argument.split(" ")]
        options = words[4:-2]
        if words[:4] != [HOST, "rsync", "--server", "--sender"] or words[-2:] != [".", PLACE + "/"]:
            return None
        if not all(_RSYNC_OPTION.match(option) for option in options):
            return None
        return shlex.join(["exec", "rsync", "--server", "--sender", *options, ".", folder.rstrip("/") + "/"])

    return door

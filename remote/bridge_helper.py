"""What git and rsync start in place of `ssh`: hands its stdin and stdout to the app and waits for the exit code.

Runs as `python -I -S` for every push and sync, so it imports two modules and decides nothing: which command may run
on the host is the app's business (remote.bridge). Frames from the app: one letter, four bytes of length, payload;
`E` is the remote stderr, `X` the exit code.
"""

from __future__ import annotations

import os
import socket

SOCKET = "TRAJVID_BRIDGE_SOCKET"
TOKEN = "TRAJVID_BRIDGE_TOKEN"


def request(token: str, argv: list[str]) -> bytes:
    """The first message: length, then token and arguments, NUL-separated (an argument cannot hold NUL)."""
    text = "\0".join([token, *argv]).encode("utf-8", "surrogateescape")
    return len(text).to_bytes(4, "big") + text


def main(argv: list[str]) -> int:
    """Return the remote command's exit code, 255 if the app went away."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.connect(os.environ[SOCKET])
        socket.send_fds(link, [request(os.environ[TOKEN], argv)], [0, 1])
    except (OSError, KeyError):
        os.write(2, b"the bridge is closed\n")
        return 255
    os.close(0)
    os.close(1)
    buffer = b""
    while data := link.recv(65536):
        buffer += data
        while len(buffer) >= 5 and len(buffer) >= 5 + (size := int.from_bytes(buffer[1:5], "big")):
            kind, payload, buffer = buffer[:1], buffer[5 : 5 + size], buffer[5 + size :]
            if kind == b"X":
                return payload[0]
            os.write(2, payload)
    return 255


if __name__ == "__main__":
    import sys

    os._exit(main(sys.argv[1:]))

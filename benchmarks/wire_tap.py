"""A TCP relay on loopback that counts every byte of a connection, in both directions, in a process of its own."""

from __future__ import annotations

import multiprocessing
import socket
import threading
from multiprocessing.sharedctypes import Synchronized


def _pump(source: socket.socket, sink: socket.socket, count: Synchronized[int]) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
            with count.get_lock():
                count.value += len(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def _serve(listener: socket.socket, port: int, count: Synchronized[int]) -> None:
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", port))
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for pair in ((client, server), (server, client)):
            threading.Thread(target=_pump, args=(*pair, count), daemon=True).start()


class WireTap:
    """Relay to a port of loopback: connect to `port` instead and read `bytes_passed`."""

    def __init__(self, target_port: int) -> None:
        self._count: Synchronized[int] = multiprocessing.Value("q", 0)
        listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = listener.getsockname()[1]
        self._process = multiprocessing.get_context("fork").Process(
            target=_serve, args=(listener, target_port, self._count), daemon=True
        )
        self._process.start()
        listener.close()

    @property
    def bytes_passed(self) -> int:
        return self._count.value

    def close(self) -> None:
        self._process.terminate()
        self._process.join()

"""A TCP server that answers every request with the same bytes, at once or a byte at a time."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field


@dataclass
class BadServer:
    """Use as a context manager. `drip`: seconds between two bytes; the answer begins anew when it is over."""

    answer: bytes
    drip: float | None = None
    asked: int = 0
    port: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> BadServer:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._speak, args=(peer,), daemon=True).start()

    def _speak(self, peer: socket.socket) -> None:
        with peer:
            try:
                peer.recv(65536)
                self.asked += 1
                if self.drip is None:
                    peer.sendall(self.answer)
                    return
                while not self._over.is_set():
                    for byte in self.answer:
                        peer.sendall(bytes([byte]))
                        if self._over.wait(self.drip):
                            return
            except OSError:
                return

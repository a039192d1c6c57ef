"""A port before a service's own, through which tests cut or stall what goes to it, as a bad network does."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress


class Gate:
    """A port that passes on to another one, until it is shut (what goes through is cut, what comes is refused) or hangs
    (nothing goes through, and nothing is refused)."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._open: list[socket.socket] = []
        self._flows = threading.Event()
        self.port = 0
        self._silent: set[socket.socket] = set()
        self.fails: tuple[bytes, Callable[[], None]] | None = None
        """What to do, once, when these bytes come, instead of passing them on."""
        self.listen()

    def listen(self) -> None:
        self._flows.set()
        self._listening = socket.create_server(("127.0.0.1", self.port), reuse_port=True)
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def shut(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._cut()

    def hang(self) -> None:
        self._flows.clear()

    def forget(self) -> None:
        """Lets nothing more through of what is open now, and says so to neither side; what comes is passed on."""
        self._silent.update(self._open)

    def cut(self) -> None:
        """What goes through is cut, also what hangs; what comes goes through."""
        self._cut()
        self._flows.set()

    def open(self) -> None:
        """As if it had never been shut, or hung."""
        if self._flows.is_set():
            self.listen()
        self._flows.set()

    def _cut(self) -> None:
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                here, _address = listening.accept()
            except OSError:
                return
            try:
                there = socket.create_connection(("127.0.0.1", self._to))
            except OSError:  # nobody is there now
                here.close()
                continue
            self._open += [here, there]
            for source, target in ((here, there), (there, here)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(65536):
                if self.fails is not None and self.fails[0] in chunk:
                    (_bytes, fail), self.fails = self.fails, None
                    fail()
                self._flows.wait()
                if source in self._silent:
                    continue
                target.sendall(chunk)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

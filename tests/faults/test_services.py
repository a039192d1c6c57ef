"""Services that vanish, hang and come back while scans are taken in."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from archive.catalogue import Catalogue
from ingest.pipeline import ScanDone
from ingest.signing import Seal
from samples.keys import make_demo_keys
from schemas.work import ScanState
from tests.ingest.office import opened
from tests.ingest.papers_read import decision
from tests.ingest.signed import seals as opened_seals
from tests.services.postgres import postgres


class Gate:
    """A port that passes on to another one, and can be shut: what goes through is cut, what comes is refused."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._open: list[socket.socket] = []
        self.port = 0
        self.open()

    def open(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self.port), reuse_port=True)
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def shut(self) -> None:
        for one in (self._listening, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                here, _address = listening.accept()
                there = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                return
            self._open += [here, there]
            for source, target in ((here, there), (there, here)):
                threading.Thread(target=_passed_on, args=(source, target), daemon=True).start()


def _passed_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture
def seals(tmp_path: Path) -> tuple[Seal, ...]:
    return tuple(opened_seals(make_demo_keys(tmp_path / "keys")))


@pytest.mark.service("PostgreSQL")
def test_a_database_that_is_started_anew_in_the_middle_is_waited_for(
    tmp_path: Path, server: str, seals: tuple[Seal, ...]
) -> None:
    where = make_url(server)
    assert where.port is not None
    gate = Gate(where.port)
    (tmp_path / "office").mkdir()
    office = opened(tmp_path / "office", seals)
    for number in range(3):
        office.scan(f"{number}.tif", decision(str(number + 1), street=f"Số {number}"))
    catalogue = Catalogue.open(where.set(port=gate.port).render_as_string(hide_password=False))
    done = 0
    for event in office.run(replace(office.desk(), catalogue=catalogue)):
        if isinstance(event, ScanDone):
            done += 1
            if done == 1:
                gate.shut()
                threading.Timer(1.5, gate.open).start()
                began = time.monotonic()
    assert done == 3
    assert time.monotonic() - began > 1
    assert {state for _sha256, _path, state in catalogue.scans()} == {ScanState.DONE}
    assert catalogue.log_faults() == []
    catalogue.close()
    gate.shut()

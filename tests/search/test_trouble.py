"""Whatever is wrong with the search engine or a record, by the command line: a clear message and an exit code, the
archive untouched, and the next catch-up makes the index whole."""

import hashlib
import json
import os
import shutil
import ssl
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from opensearchpy import OpenSearch

import cli
from commands.workspace import Workspace
from schemas.pages import Line, PageText, Word
from search.opensearch_bulks import Sender
from tests.archive import WHERE, submission
from tests.search.certificates import Certificate, certificate
from tests.search.front import Answer, Fault, Front, front, no_fault
from tests.services import free_port

COUNT = 6
BASELINE = (0.1, 0.25, 0.3, 0.25)


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with records in its archive and its catalogue, and nothing in an index."""
    folder = tmp_path_factory.mktemp("stocked")
    workspace = Workspace.open(folder / "sohoa")
    for n in range(1, COUNT + 1):
        given = submission(folder, dossier=f"H29.17-230815-{n:04}", scan=f"scan {n}", text=f"giấy phép xây dựng {n}")
        workspace.catalogue.note_deposit(workspace.archive.deposit(given), who="A")
    workspace.catalogue.close()
    return folder / "sohoa"


@dataclass
class Ran:
    code: int
    out: str
    err: str


@dataclass
class Office:
    """Runs ``sohoa`` in a workspace of its own."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def set(self, **settings: object) -> None:
        for name, value in settings.items():
            self.monkeypatch.setenv(f"SOHOA_SEARCH_{name.upper()}", str(value))

    def run(self, *words: str) -> Ran:
        self.capsys.readouterr()
        code = cli.run(["--workspace", str(self.folder), *words])
        said = self.capsys.readouterr()
        return Ran(code, said.out, said.err)

    def add(self, dossier: str, *pages: str) -> None:
        """One more record in the archive and the catalogue."""
        workspace = Workspace.open(self.folder)
        made = submission(self.folder.parent, dossier=dossier, scan=dossier)
        read = tuple(
            PageText(n, 1654, 2339, 200.0, lines=(Line((Word(text, WHERE, 0.9, BASELINE),), WHERE, 0.02, 1, 1),))
            for n, text in enumerate(pages, 1)
        )
        made = replace(made, document=replace(made.document, pages=read))
        workspace.catalogue.note_deposit(workspace.archive.deposit(made), who="A")
        workspace.catalogue.close()

    @property
    def archive(self) -> dict[str, str]:
        """SHA-256 of every file of the archive."""
        root = self.folder / "archive"
        files = [path for path in root.rglob("*") if path.is_file()]
        return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def is_whole(self, count: int = COUNT) -> bool:
        """Whether the index has every record, and one of them is found."""
        status = json.loads(self.run("index", "status", "--json").out)
        found = json.loads(self.run("search", "giay", "phep", "--limit", "0", "--json").out)
        return (status["records"], status["behind"], status["owed"], found["total"]) == (count, 0, [], count)


@pytest.fixture
def office(
    stocked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Office:
    shutil.copytree(stocked, tmp_path / "sohoa")
    return Office(tmp_path / "sohoa", monkeypatch, capsys)


@pytest.fixture
def on_cluster(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """The office set to a cluster, its index of its own; a busy cluster is asked again at once."""
    office.set(engine="opensearch", index=f"trouble-{uuid.uuid4().hex[:12]}", timeout_s=120)
    monkeypatch.setattr(Sender, "_pause", lambda self, attempt: None)
    return office


@pytest.fixture
def door(on_cluster: Office, opensearch_url: str) -> Iterator[Front]:
    with front(opensearch_url) as opened:
        on_cluster.set(url=opened.url)
        yield opened


def fails(office: Office, *said: str, code: int = 5, words: tuple[str, ...] = ("index", "catch-up")) -> None:
    """The command fails with *code* and says *said*, in a line or a few and not in a traceback; the archive is as it
    was."""
    before = office.archive
    ran = office.run(*words)
    assert ran.code == code, ran
    for part in said:
        assert part in ran.err, ran.err
    assert "Traceback" not in ran.err + ran.out
    assert office.archive == before


def is_made_whole(office: Office, count: int = COUNT) -> None:
    """The next catch-up puts in what is missing, and another one finds nothing to do."""
    before = office.archive
    caught = office.run("index", "catch-up")
    assert caught.code == 0, caught
    assert office.is_whole(count)
    assert "0 records indexed" in office.run("index", "catch-up").out
    assert office.archive == before


@pytest.mark.service("opensearch")
def test_a_cluster_that_is_down(on_cluster: Office, opensearch_url: str) -> None:
    on_cluster.set(url=f"http://127.0.0.1:{free_port()}")
    for words in (("index", "catch-up"), ("index", "status"), ("index", "rebuild"), ("search", "giay")):
        fails(on_cluster, "cannot be reached", "search.url", words=words)
    on_cluster.set(url=opensearch_url)
    is_made_whole(on_cluster)


@pytest.mark.service("opensearch")
def test_a_cluster_that_is_slow(on_cluster: Office, door: Front) -> None:
    def slow(method: str, path: str, body: str) -> Answer | None:
        time.sleep(1.5)
        return None

    door.fault = slow
    on_cluster.set(timeout_s=0.3)
    for words in (("index", "catch-up"), ("search", "giay")):
        fails(on_cluster, "does not answer within 0.3 s", "try again later", words=words)
    door.fault = no_fault
    on_cluster.set(timeout_s=120)
    is_made_whole(on_cluster)


def half_of_it(door: Front, status: int, error: dict[str, Any], bulks: int) -> Fault:
    """Of each of the first *bulks* the cluster is given every second record; the others end with *status*."""
    left = iter(range(bulks))

    def answer(method: str, path: str, body: str) -> Answer | None:
        if not path.endswith("/_bulk") or next(left, None) is None:
            return None
        lines = body.splitlines(keepends=True)
        pairs = list(zip(lines[::2], lines[1::2], strict=True))
        _status, content = door.pass_on(method, path, "".join(head + row for head, row in pairs[1::2]).encode())
        taken = iter(json.loads(content)["items"] if len(pairs) > 1 else [])
        items = [
            next(taken)
            if n % 2
            else {"index": {"_id": json.loads(head)["index"]["_id"], "status": status, "error": error}}
            for n, (head, _row) in enumerate(pairs)
        ]
        return 200, {"errors": True, "items": items}

    return answer


BUSY = {"type": "rejected_execution_exception", "reason": "rejected execution of coordinating operation"}
NOT_TAKEN = {"type": "mapper_parsing_exception", "reason": "failed to parse"}


@pytest.mark.service("opensearch")
def test_half_a_bulk_put_off_twice_is_sent_again(on_cluster: Office, door: Front) -> None:
    door.fault = half_of_it(door, 429, BUSY, 2)
    is_made_whole(on_cluster)


@pytest.mark.service("opensearch")
def test_half_a_bulk_put_off_again_and_again(on_cluster: Office, door: Front) -> None:
    door.fault = half_of_it(door, 429, BUSY, 99)
    fails(on_cluster, "takes no records now (rejected execution", "nothing is lost: sohoa index catch-up")
    door.fault = no_fault
    is_made_whole(on_cluster)


@pytest.mark.service("opensearch")
def test_half_a_bulk_refused_is_named_and_the_other_half_is_in(on_cluster: Office, door: Front) -> None:
    door.fault = half_of_it(door, 400, NOT_TAKEN, 1)
    fails(on_cluster, *(f"H29.17-230815-000{n}.001: not indexed: failed to parse" for n in (1, 3, 5)), code=3)
    status = json.loads(on_cluster.run("index", "status", "--json").out)
    assert (status["records"], status["behind"]) == (3, 3)
    is_made_whole(on_cluster)


@pytest.mark.service("opensearch")
def test_every_record_refused(on_cluster: Office, door: Front) -> None:
    def refuse(method: str, path: str, body: str) -> Answer | None:
        if not path.endswith("/_bulk"):
            return None
        ids = [json.loads(head)["index"]["_id"] for head in body.splitlines()[::2]]
        return 200, {"items": [{"index": {"_id": id, "status": 400, "error": NOT_TAKEN}} for id in ids]}

    door.fault = refuse
    fails(on_cluster, "H29.17-230815-0006.001: not indexed: failed to parse", code=4)
    door.fault = no_fault
    is_made_whole(on_cluster)


@pytest.mark.service("opensearch")
def test_a_cluster_whose_disk_is_full_to_its_watermark(
    on_cluster: Office, opensearch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real thing: the node is told to leave more room free than any disk has."""
    on_cluster.set(url=opensearch_url)
    on_cluster.run("index", "status")  # the index is there before the disk is full
    client = OpenSearch([opensearch_url])
    disk = "cluster.routing.allocation.disk"
    full = {f"{disk}.threshold_enabled": True, "cluster.info.update.interval": "10s"}
    full |= {f"{disk}.watermark.{name}": "900tb" for name in ("low", "high", "flood_stage")}

    def put(settings: dict[str, Any]) -> None:
        client.cluster.put_settings(body={"transient": settings})

    def blocks() -> dict[str, Any]:
        found: dict[str, Any] = client.cluster.state(metric="blocks")["blocks"]
        return found

    said = ("lets nothing be written", "its disk is full", "then sohoa index catch-up")
    try:
        put(full)
        wait_until(lambda: {"global", "indices"} <= blocks().keys())
        fails(on_cluster, *said)
        with monkeypatch.context() as other:
            other.setenv("SOHOA_SEARCH_INDEX", "not-made-yet")
            fails(on_cluster, *said)
    finally:
        put({f"{disk}.watermark.{name}": "1b" for name in ("flood_stage", "high", "low")})
        wait_until(lambda: not blocks())
        put(dict.fromkeys(full))
    is_made_whole(on_cluster)


def wait_until(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while not done():
        assert time.monotonic() < until, "the cluster did not look at its disk"
        time.sleep(0.5)


@pytest.mark.service("opensearch")
def test_an_index_of_a_newer_program_on_the_cluster(on_cluster: Office, opensearch_url: str) -> None:
    on_cluster.set(url=opensearch_url)
    is_made_whole(on_cluster)
    client = OpenSearch([opensearch_url])
    name = os.environ["SOHOA_SEARCH_INDEX"]
    client.indices.put_mapping(index=name, body={"_meta": {"schema_version": 99, "position": COUNT}})
    for words in (("index", "catch-up"), ("index", "status"), ("search", "giay")):
        fails(on_cluster, "made by a newer sohoa (schema 99", "sohoa index rebuild", words=words)
    assert on_cluster.run("index", "rebuild").code == 0
    assert on_cluster.is_whole()


def test_an_index_of_a_newer_program_in_the_workspace(office: Office) -> None:
    is_made_whole(office)
    [state] = office.folder.glob("index/*/sohoa.json")
    state.write_text(json.dumps({"schema_version": 99, "position": COUNT}))
    for words in (("index", "catch-up"), ("index", "status"), ("search", "giay")):
        fails(office, "made by a newer sohoa (schema 99", "sohoa index rebuild", words=words)
    assert office.run("index", "rebuild").code == 0
    assert office.is_whole()


@pytest.mark.service("opensearch")
def test_a_wrong_password(on_cluster: Office, opensearch_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with front(opensearch_url, user="clerk", password="đúng") as door:
        on_cluster.set(url=door.url, user="clerk", password_env="PASSWORD_OF_THE_TEST")
        monkeypatch.setenv("PASSWORD_OF_THE_TEST", "sai")
        for words in (("index", "catch-up"), ("search", "giay")):
            fails(on_cluster, "refuses user clerk", "the password in PASSWORD_OF_THE_TEST", words=words)
        monkeypatch.setenv("PASSWORD_OF_THE_TEST", "đúng")
        is_made_whole(on_cluster)


@pytest.mark.service("opensearch")
@pytest.mark.parametrize("wrong", ["another authority", "no authority", "another host", "expired"])
def test_a_wrong_certificate(on_cluster: Office, opensearch_url: str, tmp_path: Path, wrong: str) -> None:
    ours, theirs = certificate(tmp_path, "ours"), certificate(tmp_path, "theirs")
    shown = {
        "another authority": certificate(tmp_path, "node-a", theirs),
        "no authority": certificate(tmp_path, "node-b"),
        "another host": certificate(tmp_path, "node-c", ours, host="10.1.2.3"),
        "expired": certificate(tmp_path, "node-d", ours, days=-1),
    }[wrong]
    on_cluster.set(ca_file=ours.file)
    with front(opensearch_url, tls=server_side(shown)) as door:
        on_cluster.set(url=door.url)
        for words in (("index", "catch-up"), ("search", "giay")):
            fails(on_cluster, "no trust between it and us", "search.ca_file", words=words)
    with front(opensearch_url, tls=server_side(certificate(tmp_path, "node", ours))) as door:
        on_cluster.set(url=door.url)
        is_made_whole(on_cluster)


@pytest.mark.service("opensearch")
@pytest.mark.parametrize("shows", ["none", "one of another authority"])
def test_a_cluster_that_asks_for_a_certificate(
    on_cluster: Office, opensearch_url: str, tmp_path: Path, shows: str
) -> None:
    ours, theirs = certificate(tmp_path, "ours"), certificate(tmp_path, "theirs")
    right, wrong = certificate(tmp_path, "clerk", ours), certificate(tmp_path, "stranger", theirs)
    asking = server_side(certificate(tmp_path, "node", ours))
    asking.verify_mode = ssl.CERT_REQUIRED
    asking.load_verify_locations(ours.file)
    with front(opensearch_url, tls=asking) as door:
        on_cluster.set(url=door.url, ca_file=ours.file)
        if shows != "none":
            on_cluster.set(client_certificate=wrong.file, client_key=wrong.key_file)
        for words in (("index", "catch-up"), ("search", "giay")):
            fails(on_cluster, "no trust between it and us", "search.client_certificate", words=words)
        on_cluster.set(client_certificate=right.file, client_key=right.key_file)
        is_made_whole(on_cluster)


def server_side(shown: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.file, shown.key_file)
    return context


ENGINES = ["tantivy", pytest.param("opensearch", marks=pytest.mark.service("opensearch"))]


@pytest.mark.parametrize("engine", ENGINES)
def test_records_of_any_size_and_any_letters_are_taken(
    office: Office, request: pytest.FixtureRequest, engine: str
) -> None:
    """Two thousand pages, a text of 20 MB, control characters: each found by its last word."""
    if engine == "opensearch":
        url = request.getfixturevalue("opensearch_url")
        office.set(engine="opensearch", index=f"trouble-{uuid.uuid4().hex[:12]}", timeout_s=120, url=url)
    office.add("many", *(f"giấy phép trang {n}" for n in range(1, 2000)), "giấy phép trangcuối")
    office.add("long", "giấy phép xây dựng nhà ở " * 600_000 + "chữcuối")
    office.add("odd", "giấy phép \x00\x07\x1b[31m \u200b\u202e\ufeff \ud7ff x\u0300 hếthàng")
    is_made_whole(office, COUNT + 3)
    for word, dossier in (("trangcuoi", "many"), ("chucuoi", "long"), ("hethang", "odd")):
        hit, _summary = [json.loads(line) for line in office.run("search", word, "--json").out.splitlines()]
        assert hit["dossier"] == dossier
    shown = office.run("search", "hethang")
    assert shown.code == 0
    assert "\x1b" not in shown.out
    assert office.run("search", "trangcuoi", "--json").out.count('"page": 2000') == 1

"""The index kept up with the archive, and the commands that search it."""

import json
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len

import cli
from commands.indexing import behind, catch_up, index_or_say, rebuild, whole_index
from commands.workspace import Workspace
from schemas.documents import FoundSignature
from schemas.errors import InputRejected, IntegrityBroken
from schemas.records import Deposit, Provenance, Record, RecordVersion
from schemas.settings import Office, Search, Settings
from search.index import Refused, Request, SearchIndex
from search.memory_index import MemoryIndex
from search.parsing import parse
from search.projection import Entry
from search.tantivy_index import TantivyIndex
from tests.search.records import ALL, GHOST, MISREAD, MOTHER, PERMIT, record


@dataclass
class Shelf:
    """An archive and its catalogue, as far as indexing looks at them."""

    records: dict[str, Record] = field(default_factory=dict)
    order: dict[str, int] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def put(self, *records: Record) -> None:
        for one in records:
            self.records[one.id] = one
            self.order[one.id] = self.last_position() + 1

    def put_place(self, id: str) -> None:
        """As if something had been done to a record that is no more."""
        self.order[id] = self.last_position() + 1

    def record(self, id: str) -> Record:
        if id in self.broken:
            raise IntegrityBroken(f"{id}: altered")
        if id not in self.records:
            raise InputRejected(f"no {id}")
        return self.records[id]

    def positions(self, ids: Collection[str]) -> list[tuple[int, str]]:
        return sorted((at, id) for id, at in self.order.items() if id in ids)

    def last_position(self) -> int:
        return max(self.order.values(), default=0)

    def deposited_after(self, position: int, limit: int) -> list[tuple[int, str]]:
        return sorted((at, id) for id, at in self.order.items() if at > position)[:limit]


def workspace(shelf: Shelf, index: SearchIndex, folder: Path) -> Workspace:
    made = Workspace(folder, Settings())
    made.__dict__.update(archive=shelf, catalogue=shelf, index=index)
    return made


@pytest.fixture
def shelf() -> Shelf:
    shelf = Shelf()
    shelf.put(*ALL)
    return shelf


@pytest.fixture
def desk(shelf: Shelf, tmp_path: Path) -> Workspace:
    return workspace(shelf, MemoryIndex(), tmp_path)


def ids(desk: Workspace, typed: str = "") -> set[str]:
    return {hit.record.id for hit in desk.index.search(Request(parse(typed), limit=100)).hits}


def test_catching_up_puts_in_what_came_since(desk: Workspace, shelf: Shelf) -> None:
    assert (behind(desk), catch_up(desk).records, behind(desk)) == (7, 7, 0)
    assert ids(desk) == {r.id for r in ALL}
    shelf.put(record(8, "mới"))
    assert (behind(desk), catch_up(desk).records) == (1, 1)
    assert catch_up(desk).records == 0


def test_a_newer_version_replaces_the_old_one(desk: Workspace, shelf: Shelf) -> None:
    catch_up(desk)
    shelf.put(replace(PERMIT, version=2, pages=("bản sửa đổi",)))
    catch_up(desk)
    assert ids(desk, "sửa đổi") == {PERMIT.id}
    assert ids(desk, "lê lợi") == set()


def test_a_record_that_the_archive_has_no_more_is_gone_at_the_next_catch_up(desk: Workspace, shelf: Shelf) -> None:
    catch_up(desk)
    del shelf.records[PERMIT.id]
    shelf.order[PERMIT.id] = 99
    assert catch_up(desk).gone == 1
    assert PERMIT.id not in ids(desk)


def test_a_record_that_cannot_be_read_is_named_and_the_rest_done(desk: Workspace, shelf: Shelf) -> None:
    shelf.broken.add(PERMIT.id)
    [refused] = catch_up(desk).refused
    assert (refused.id, refused.reason) == (PERMIT.id, f"{PERMIT.id}: altered")
    assert ids(desk) == {r.id for r in ALL} - {PERMIT.id}


def test_a_record_that_could_not_be_read_goes_in_once_it_can(desk: Workspace, shelf: Shelf) -> None:
    shelf.broken.add(PERMIT.id)
    catch_up(desk)
    assert behind(desk) == 1
    shelf.put(record(8, "mới"))
    assert (catch_up(desk).records, behind(desk)) == (1, 1)
    shelf.broken.clear()
    assert (catch_up(desk).records, behind(desk)) == (1, 0)
    assert ids(desk) == {r.id for r in (*ALL, record(8))}
    assert catch_up(desk).records == 0


class Picky(MemoryIndex):
    """Refuses what ``refuses`` names."""

    refuses: frozenset[str] = frozenset()

    def update(
        self,
        entries: Iterable[Entry],
        gone: Iterable[str],
        position: int,
        done: Callable[[int], None] = lambda count: None,
        owed: Collection[str] = (),
    ) -> list[Refused]:
        given = list(entries)
        refused = [Refused(one.record.id, "too much") for one in given if one.record.id in self.refuses]
        taken = [one for one in given if one.record.id not in self.refuses]
        super().update(taken, gone, position, done, {*owed, *(one.id for one in refused)})
        return refused


def test_a_batch_names_a_few_of_the_records_that_cannot_be_read(
    shelf: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [record(n, "trang") for n in range(100, 130)]
    shelf.put(*made)
    shelf.broken = {one.id for one in made}
    desk = workspace(shelf, MemoryIndex(), tmp_path)
    assert index_or_say(desk) == len(ALL)
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in said[:-1]] == [one.id for one in made[:20]]
    assert said[-1] == "and 10 more"


def test_what_the_index_refuses_is_tried_again_by_the_next_catch_up(shelf: Shelf, tmp_path: Path) -> None:
    index = Picky()
    desk = workspace(shelf, index, tmp_path)
    index.refuses = frozenset(one.id for one in ALL[::2])
    done = catch_up(desk)
    assert (done.records, {one.id for one in done.refused}, behind(desk)) == (3, set(index.refuses), 4)
    index.refuses = frozenset()
    assert (catch_up(desk).records, behind(desk)) == (4, 0)
    assert ids(desk) == {r.id for r in ALL}


def test_what_is_gone_goes_out_though_the_run_was_stopped_behind_it(shelf: Shelf, tmp_path: Path) -> None:
    index = TantivyIndex.open(tmp_path / "index", commit_every=2)
    desk = workspace(shelf, index, tmp_path)
    catch_up(desk)
    del shelf.records[PERMIT.id]
    shelf.put_place(PERMIT.id)
    shelf.put(*(record(n, "mới") for n in range(10, 13)))
    read = shelf.record

    def stopping(id: str) -> Record:
        if id == record(12).id:
            raise KeyboardInterrupt
        return read(id)

    shelf.record = stopping  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        catch_up(desk)
    shelf.record = read  # type: ignore[method-assign]
    assert index.status().position > shelf.order[PERMIT.id]
    assert catch_up(desk).gone == 1
    assert PERMIT.id not in ids(desk)


def test_an_index_ahead_of_its_catalogue_is_made_anew(desk: Workspace, shelf: Shelf) -> None:
    catch_up(desk)
    shelf.order = {PERMIT.id: 1, MOTHER.id: 2}
    assert catch_up(desk).records == 2
    assert ids(desk) == {PERMIT.id, MOTHER.id}


def test_an_index_of_an_older_program_is_made_anew(desk: Workspace, shelf: Shelf) -> None:
    catch_up(desk)
    now = desk.index.status()
    cast(Any, desk.index).status = lambda: replace(now, schema_version=now.schema_version - 1)
    assert catch_up(desk).records == len(ALL)


def test_a_rebuild_gives_the_same_index(desk: Workspace) -> None:
    catch_up(desk)
    before = desk.index.search(Request(parse("giấy phép"), counts=True))
    assert rebuild(desk).records == 7
    assert desk.index.search(Request(parse("giấy phép"), counts=True)) == before


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://search.example:9200", "nonsense"])
def test_a_search_engine_that_is_down_or_wrongly_set_never_stops_archiving(
    shelf: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    desk = Workspace(tmp_path, Settings(search=Search(engine="opensearch", url=url)))
    desk.__dict__.update(archive=shelf, catalogue=shelf)
    assert index_or_say(desk) is None
    assert "sohoa index catch-up" in capsys.readouterr().err


def test_a_damaged_index_is_filled_again_before_it_is_searched(
    shelf: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def opened() -> Workspace:
        made = Workspace(tmp_path, Settings())
        made.__dict__.update(archive=shelf, catalogue=shelf)
        return made

    catch_up(opened())
    for path in (tmp_path / "index").rglob("*.store"):
        path.write_bytes(b"")
    desk = opened()
    assert whole_index(desk).search(Request(parse("giấy phép"))).total == 2
    assert "damaged" in capsys.readouterr().err


# The commands, over a real catalogue and a shelf for an archive


class Shelved(Shelf):
    def certificate(self, id: str) -> None:
        """Nothing was destroyed."""

    def history(self, id: str) -> tuple[RecordVersion, ...]:
        return ()

    def found_signatures(self, id: str) -> tuple[FoundSignature, ...]:
        return ()

    def provenance(self, id: str) -> Provenance:
        return Provenance("Nguyễn Văn A", self.record(id).deposited_at, {}, {}, ("2023-08-20 A: accept",))

    def pdf(self, id: str) -> Path:
        self.record(id)
        return self.folder / "one.pdf"

    folder: Path = Path()


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Runs ``sohoa`` in a workspace whose archive is a shelf with every record, indexed."""
    desk = Workspace.open(tmp_path / "sohoa")
    shelf = Shelved()
    shelf.folder = tmp_path
    (tmp_path / "one.pdf").write_bytes(b"%PDF-1.7 signed")
    for one in ALL:
        shelf.put(one)
        desk.catalogue.note_deposit(Deposit(one, "o", "o/p.pdf", True), who="A")
    desk.__dict__["archive"] = shelf
    context = cli.Context(tmp_path / "sohoa")
    context.__dict__["workspace"] = desk
    catch_up(desk)

    def run(*arguments: str) -> Result:
        name, *rest = arguments
        command = cli.sohoa.get_command(cast(Any, None), name)
        assert command is not None
        return CliRunner().invoke(command, rest, obj=context, standalone_mode=False, prog_name="sohoa")

    run.desk = desk  # type: ignore[attr-defined]
    units = "code,name,level\nH29.17,Phường Bến Thành,ward\nH29.17.3,Phường Bến Nghé,ward\nH29.99,Quận 9,district\n"
    (tmp_path / "units.csv").write_text(units, encoding="utf-8")
    assert run("units", "import", str(tmp_path / "units.csv")).return_value == 0
    return run


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exception is None, result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_search_shows_number_date_type_unit_page_and_line(run: Any) -> None:
    shown = run("search", "giay", "phep", "xay", "dung").stdout
    for part in ("3165/QĐ-UBND", "15/08/2023", "Quyết định", "H29.17", PERMIT.id, "Cấp giấy phép xây dựng nhà ở"):
        assert part in shown
    assert "1 found." in shown


@pytest.mark.parametrize("columns", [60, 80, 132])
def test_the_table_fits_the_terminal_and_marks_the_words(
    run: Any, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "xterm"), ("COLUMNS", str(columns))):
        monkeypatch.setenv(name, value)
    shown = run("search", "giay", "phep", "xay", "dung").stdout
    plain = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in shown.splitlines()]
    assert max(map(cell_len, plain)) <= columns
    marked = re.findall(r"\x1b\[1;7m(\w+)\x1b\[0m", shown)
    assert marked == ["giấy", "phép", "xây", "dựng"]


def test_search_as_json_says_everything_a_program_needs(run: Any) -> None:
    hit, summary = lines(run("search", "giay phep xay dung", "--json", "--counts"))
    assert (hit["id"], hit["page"], hit["number"], hit["issued_on"]) == (PERMIT.id, 2, "3165", "2023-08-15")
    assert [hit["line"][a:b] for a, b in hit["marks"]] == ["giấy", "phép", "xây", "dựng"]
    assert summary["total"] == 1
    assert summary["counts"]["units"] == {"H29.17": 1}


def test_search_as_csv_holds_no_formula(run: Any) -> None:
    run.desk.index.update([], (), 7)
    rows = run("search", "ma", "--csv").stdout.splitlines()
    assert rows[0].startswith("id,number,symbol")
    assert len(rows) == 4


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--number", "3165/QĐ-UBND"], {PERMIT.id}),
        (["--type", "QĐ", "--from", "2023", "--to", "8/2023"], {PERMIT.id}),
        (["--to", "2022"], {MISREAD.id, ALL[3].id}),
        (["--unit", "H29.17.3"], {ALL[1].id}),
        (["--signer", "Thúy"], {PERMIT.id}),
        (["--symbol", "QĐ-UBND"], {PERMIT.id}),
        (["--symbol", "ubnd"], {PERMIT.id, ALL[1].id}),
        (["--level", "district"], {ALL[3].id}),
        (["--issuer", "bến nghé"], {ALL[1].id}),
        (["ma", "--", "-mà"], {MOTHER.id, GHOST.id}),
        (["ma", "-mà"], {MOTHER.id, GHOST.id}),
    ],
)
def test_options_narrow_what_is_found(run: Any, options: list[str], expected: set[str]) -> None:
    *hits, _summary = lines(run("search", "--json", *options))
    assert {hit["id"] for hit in hits} == expected


def test_what_is_found_is_counted_by_unit_level_type_and_year(run: Any) -> None:
    [summary] = lines(run("search", "--counts", "--limit", "0", "--json"))
    assert summary["counts"] == {
        "units": {"H29.17": 5, "H29.17.3": 1, "H29.99": 1},
        "levels": {"ward": 6, "district": 1},
        "types": {"Quyết định": 2, "Thông báo": 1},
        "years": {"2023": 2, "2022": 1, "2021": 1},
    }
    shown = run("search", "--counts", "--limit", "0").stdout
    assert "by level: ward 6, district 1" in shown


@pytest.mark.parametrize("sort", ["rank", "date"])
def test_page_after_page_shows_every_record_once(run: Any, sort: str) -> None:
    *whole, _summary = lines(run("search", "--counts", "--json", "--sort", sort))
    parts = [lines(run("search", "--counts", "--json", "--sort", sort, "--limit", "2", "--skip", str(skip)))[:-1]
             for skip in range(0, 9, 2)]  # fmt: skip
    assert [hit["id"] for part in parts for hit in part] == [hit["id"] for hit in whole]
    assert {hit["id"] for hit in whole} == {r.id for r in ALL}
    assert "3 to 4 of 7; go on with --skip 4" in run("search", "--counts", "--limit", "2", "--skip", "2").stdout


def test_the_newest_paper_comes_first_where_asked_for(run: Any) -> None:
    *hits, _summary = lines(run("search", "--counts", "--json", "--sort", "date"))
    days = [hit["issued_on"] for hit in hits]
    assert days == ["2023-09-01", "2023-08-15", "2022-01-05", "2021-12-31", None, None, None]


def test_nothing_found_is_said_with_what_may_have_been_meant(run: Any) -> None:
    shown = run("search", "giếy", "phép", "dựxg").stdout
    assert "0 found." in shown
    assert "Did you mean: giay phép dung" in shown
    assert "Each by itself is found: hòa 1, trình" not in shown
    [summary] = lines(run("search", "giếy", "phép", "dựxg", "--json"))
    assert (summary["total"], summary["meant"]) == (0, "giay phép dung")
    [summary] = lines(run("search", "lê", "mèo", "--json"))
    assert (summary["meant"], summary["each_by_itself"]) == (None, {"lê": 1})
    assert "meant" not in lines(run("search", "giấy", "--json"))[-1]


def test_an_empty_search_says_what_to_do(run: Any) -> None:
    assert isinstance(run("search").exception, InputRejected)


def test_every_search_and_opening_is_logged(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began = datetime.now(UTC).replace(microsecond=0)
    run.desk.settings = Settings(office=Office(operator="Lê Thị Bình"))
    run("search", "giay", "--unit", "H29.17")
    run("show", PERMIT.id)
    run("get", PERMIT.id, "-o", str(tmp_path / "out"))
    logged = list(run.desk.catalogue.log())[-3:]
    assert [(one.what, one.subject) for one in logged] == [
        ("search", "giay donvi:H29.17"), ("show", PERMIT.id), ("get", PERMIT.id),
    ]  # fmt: skip
    assert {one.who for one in logged} == {"Lê Thị Bình"}
    assert all(began <= datetime.fromisoformat(one.at) <= datetime.now(UTC) for one in logged)


def test_get_writes_the_signed_pdf_as_it_stands(run: Any, tmp_path: Path) -> None:
    assert run("get", PERMIT.id, "-o", str(tmp_path / "out")).return_value == 0
    assert (tmp_path / "out" / f"{PERMIT.id}.pdf").read_bytes() == b"%PDF-1.7 signed"
    assert run("get", "nothing", PERMIT.id, "-o", str(tmp_path / "out")).return_value == 3
    assert run("get", "nothing", "-o", str(tmp_path / "out")).return_value == 4


def test_show_prints_fields_decisions_and_text(run: Any) -> None:
    shown = run("show", PERMIT.id).stdout
    for part in ("3165/QĐ-UBND", "Nguyễn Thị Thúy", "accept", "one.pdf"):
        assert part in shown
    assert "Lê Lợi" in run("show", PERMIT.id, "--text", "--page", "2").stdout
    assert isinstance(run("show", PERMIT.id, "--page", "9").exception, InputRejected)


def test_what_was_read_from_paper_cannot_steer_the_terminal(run: Any) -> None:
    evil = record(9, "xanh\x1b]0;đỏ\x07 lá", abstract="tím\x1b[2J", symbol="\x1b[31m")
    run.desk.archive.put(evil)
    run.desk.catalogue.note_deposit(Deposit(evil, "o", "o/p.pdf", True), who="A")
    catch_up(run.desk)
    for shown in (run("search", "xanh").stdout, run("show", evil.id).stdout, run("search", "xanh", "--csv").stdout):
        assert "\x1b" not in shown
        assert "\x07" not in shown


def test_index_status_says_what_is_missing_and_catch_up_puts_it_in(run: Any) -> None:
    late = record(9, "muộn")
    run.desk.archive.put(late)
    run.desk.catalogue.note_deposit(Deposit(late, "o", "o/p.pdf", True), who="A")
    [status] = lines(run("index", "status", "--json"))
    assert (status["records"], status["behind"]) == (7, 1)
    assert "1 records indexed" in run("index", "catch-up").stdout
    assert "Nothing is missing." in run("index", "status").stdout
    assert "8 records indexed" in run("index", "rebuild").stdout

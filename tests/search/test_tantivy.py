"""The embedded index on a disk that goes wrong."""

import json
import multiprocessing
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas.errors import ServiceUnavailable
from search import tantivy_ranking
from search.index import Request
from search.parsing import parse
from search.projection import Entry
from search.tantivy_index import TantivyIndex
from tests.search.records import ALL, PERMIT, fill, record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Holds an index with every record."""
    index = TantivyIndex.open(tmp_path / "index")
    fill(index, ALL)
    index.close()
    return tmp_path / "index"


def generation(folder: Path) -> Path:
    return folder / (folder / "current").read_text().strip()


def largest(folder: Path) -> Path:
    files = (path for path in generation(folder).iterdir() if "." in path.name)
    return max(files, key=lambda path: path.stat().st_size)


def cut_off(folder: Path) -> None:
    path = largest(folder)
    path.write_bytes(path.read_bytes()[:-20])


def scribbled_on(folder: Path) -> None:
    path = next(path for path in generation(folder).iterdir() if path.suffix == ".idx")
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)


def emptied(folder: Path) -> None:
    largest(folder).write_bytes(b"")


def without_a_file(folder: Path) -> None:
    for path in generation(folder).glob("*.store"):
        path.unlink()


def without_meta(folder: Path) -> None:
    (generation(folder) / "meta.json").write_text('{"segments": [')


def without_state(folder: Path) -> None:
    (generation(folder) / "sohoa.json").unlink()


def without_generation(folder: Path) -> None:
    shutil.rmtree(generation(folder))


def pointing_outside(folder: Path) -> None:
    (folder / "current").write_text("../../etc")


@pytest.mark.parametrize(
    "damage",
    [cut_off, scribbled_on, emptied, without_a_file, without_meta, without_state, without_generation, pointing_outside],
)
def test_a_damaged_index_is_noticed_at_the_start_and_can_be_filled_again(
    folder: Path, damage: Callable[[Path], None]
) -> None:
    damage(folder)
    index = TantivyIndex.open(folder)
    assert (index.status().records, index.status().position) == (0, 0)
    fill(index, ALL)
    assert index.search(Request(parse("giấy phép"))).hits[0].record == PERMIT
    assert TantivyIndex.open(folder).status().notice == ""


def test_damage_is_said(folder: Path) -> None:
    cut_off(folder)
    assert "damaged" in TantivyIndex.open(folder).status().notice


def test_an_index_of_an_older_program_is_made_anew(folder: Path) -> None:
    (generation(folder) / "sohoa.json").write_text(json.dumps({"schema_version": 0, "position": 7}))
    status = TantivyIndex.open(folder).status()
    assert (status.records, status.position) == (0, 0)
    assert "older" in status.notice


def test_an_index_of_a_newer_program_is_left_alone_until_it_is_rebuilt(folder: Path) -> None:
    (generation(folder) / "sohoa.json").write_text(json.dumps({"schema_version": 99, "position": 7}))
    index = TantivyIndex.open(folder)
    for use in (index.status, lambda: index.search(Request(parse("giấy"))), lambda: fill(index, ALL)):
        with pytest.raises(ServiceUnavailable, match="newer sohoa"):
            use()
    with index.rebuilding() as fresh:
        fill(fresh, ALL)
    assert index.status().records == len(ALL)


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("a file")
    with pytest.raises(ServiceUnavailable, match="cannot be used"):
        TantivyIndex.open(tmp_path / "index")


def test_what_another_process_wrote_is_found(folder: Path) -> None:
    reader = TantivyIndex.open(folder)
    assert reader.search(Request(parse("mới"))).total == 0
    writer = multiprocessing.get_context("spawn").Process(target=_write_one, args=(folder,))
    writer.start()
    writer.join(60)
    assert writer.exitcode == 0
    assert reader.search(Request(parse("mới"))).total == 1
    assert reader.status().position == 8


def _write_one(folder: Path) -> None:
    TantivyIndex.open(folder).update([Entry(8, record(8, "bản mới"))], (), 8)


def test_two_writers_do_not_mix(folder: Path) -> None:
    first, second = TantivyIndex.open(folder), TantivyIndex.open(folder)

    def while_the_second_tries() -> Iterator[Entry]:
        with pytest.raises(ServiceUnavailable, match="another sohoa is writing"):
            fill(second, ALL)
        yield Entry(9, record(9, "bản mới"))

    first.update(while_the_second_tries(), (), 9)
    assert first.status().position == 9


def test_a_run_that_stops_in_the_middle_leaves_what_was_there(folder: Path) -> None:
    index = TantivyIndex.open(folder)

    def stopping() -> Iterator[Entry]:
        yield Entry(8, record(8, "bản mới"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.update(stopping(), (), 9)
    again = TantivyIndex.open(folder)
    assert (again.status().records, again.status().position) == (len(ALL), len(ALL))
    again.update([Entry(8, record(8, "bản mới"))], (), 8)
    assert again.status().records == len(ALL) + 1


def test_an_old_generation_does_not_stay(folder: Path) -> None:
    index = TantivyIndex.open(folder)
    with index.rebuilding() as fresh:
        fill(fresh, ALL)
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 1


def test_a_place_reached_is_written_down_on_the_way(folder: Path) -> None:
    index = TantivyIndex.open(folder, commit_every=3)
    told: list[int] = []

    def stopping() -> Iterator[Entry]:
        for n in range(8, 12):
            yield Entry(n, record(n, "bản mới"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.update(stopping(), (), 99, told.append)
    assert told == [3]
    assert TantivyIndex.open(folder).status().position == 10


@pytest.mark.parametrize("typed", ['"giấy phép"', '"giay phep"', '"giấy phép" xây', '"giấy phép" OR "xây nhà"'])
@pytest.mark.parametrize("part", [(20, 0), (3, 0), (5, 4), (4, 30)])
def test_a_phrase_looked_for_in_shares_is_found_as_in_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, part: tuple[int, int]
) -> None:
    index = TantivyIndex.open(tmp_path / "index", commit_every=11)
    lines = ("giấy phép xây nhà", "giây phép xây nhà giấy phép", "phép giấy xây", "giấy phép")
    fill(index, [record(n, lines[n % 4] + " của" * n) for n in range(1, 41)])
    limit, offset = part
    asked = Request(parse(typed), limit=limit, offset=offset)
    whole = index.search(asked)
    monkeypatch.setattr(tantivy_ranking, "SHARED_FROM", -1)
    assert index.search(asked) == whole
    assert whole.total >= 20

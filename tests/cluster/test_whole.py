"""The whole cluster with its parts killed one after another: what stands at the end is what one machine makes."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import run as sohoa
from commands.workspace import Workspace
from schemas.settings import Search
from search.index import Request
from search.opensearch_index import OpenSearchIndex
from search.parsing import parse
from search.projection import Entry
from tests.cluster.stand import Ended, Run, Stand, drawn_day, ingested, on_one_machine, stand, state
from tests.search.records import record

pytestmark = [pytest.mark.service("opensearch"), pytest.mark.service("postgresql")]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with stand(tmp_path_factory.mktemp("cluster")) as whole:
        yield whole


@pytest.fixture(scope="module")
def inbox(cluster: Stand) -> Path:
    drawn_day(cluster.folder / "inbox")
    return cluster.folder / "inbox"


@pytest.fixture(scope="module")
def alone(cluster: Stand, inbox: Path) -> Ended:
    """What one machine makes of it, in a folder of its own."""
    return on_one_machine(cluster.folder, inbox)


def test_two_intakes_end_as_one_machine_does_whatever_dies_meanwhile(cluster: Stand, inbox: Path, alone: Ended) -> None:

    def all_die(run: Run) -> None:
        faults = (run.processes[0].kill, cluster.kill_reader, cluster.kill_scheduler, cluster.kill_database,
                  cluster.kill_s3, cluster.kill_node, cluster.stall_and_cut)  # fmt: skip
        for done, fault in enumerate(faults, 1):
            run.wait_for(documents=done)
            fault()

    disturbed = ingested(cluster.workspace("disturbed"), inbox, fault=all_die)
    assert disturbed.codes[0] == -9
    assert disturbed.state == alone.state


def test_what_one_machine_had_is_all_on_the_cluster_when_it_was_moved(
    cluster: Stand, inbox: Path, alone: Ended, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.mend()
    there = cluster.settings("moved")
    here = str(cluster.folder / f"{inbox.name}-alone")
    for _time in range(2):  # the second finds it all there
        assert sohoa(["--workspace", here, "move", str(there), "--operator", "An"]) == 0
    assert state(there, inbox) == alone.state
    capsys.readouterr()
    index = Workspace.open(there).index
    record = next(Workspace.open(there).archive.records())
    index.update((), [record.id], 0)
    assert sohoa(["--workspace", here, "move", str(there), "--operator", "An"]) == 6
    standing = len(alone.state["records"])  # type: ignore[arg-type]
    assert f"the index there has {standing - 1} records, {standing} stand" in capsys.readouterr().err


def test_a_node_that_is_killed_costs_neither_searches_nor_records(cluster: Stand) -> None:
    cluster.mend()
    first, *others = [node.url for node in cluster.nodes]
    index = OpenSearchIndex.open(
        Search(engine="opensearch", url=first, more_urls=tuple(others), index="killed", shards=3, replicas="1")
    )
    index.update((Entry(n, record(n, "phép")) for n in range(1, 1001)), (), 1000)
    cluster.mend()  # each has its copy
    totals: set[int] = set()
    ended = threading.Event()

    def search() -> None:
        while not ended.is_set():
            totals.add(index.search(Request(parse("phép"), limit=1)).total)

    def entries() -> Iterator[Entry]:
        for number in range(1, 5001):
            if number == 2500:
                cluster.nodes[0].kill()
            yield Entry(1000 + number, record(1000 + number, "khác"))

    searching = threading.Thread(target=search)
    searching.start()
    assert index.update(entries(), (), 6000) == []
    ended.set()
    searching.join()
    assert totals == {1000}
    assert index.search(Request(parse("khác"), limit=1)).total == 5000
    assert (index.status().records, index.status().position) == (6000, 6000)
    index.close()

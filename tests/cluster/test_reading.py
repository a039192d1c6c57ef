"""Pages read on a real Dask cluster: in order, through deaths, by readers that are the same as here."""

import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from distributed import Client, Scheduler

from ingest.cluster import open_cluster
from ingest.ocr.engine import BEST_FOLDER
from ingest.workers import Pool, read_all
from schemas.errors import ServiceUnavailable, SettingsRejected
from schemas.pages import PageImage, PageState
from schemas.settings import Cluster
from tests.cluster.reader import OPTIONS, Deadly, slowly
from tests.services import unavailable
from tests.services.dask import DaskProcesses, dask
from tests.services.gate import Gate


def pages(count: int, crash: int = 0, image: bytes = b"crash") -> Iterator[tuple[int, PageImage]]:
    for number in range(1, count + 1):
        yield number, PageImage(number, image if number == crash else b"", 100, 100, 200.0)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    with dask(tmp_path_factory.mktemp("dask")) as processes:
        processes.start_worker()
        processes.start_worker()
        yield processes


@contextmanager
def opened(cluster: DaskProcesses, said: list[str] | None = None, threads_a_page: int = 32) -> Iterator[Pool]:
    heard = said if said is not None else []
    with open_cluster(
        cluster.address, Cluster(), OPTIONS, say=heard.append, read=slowly, threads_a_page=threads_a_page
    ) as pool:
        yield pool


one_or_two_pages_a_task = pytest.mark.parametrize("threads_a_page", [32, 1])


@one_or_two_pages_a_task
def test_pages_come_back_in_their_order_and_one_that_kills_its_process_twice_is_listed(
    cluster: DaskProcesses, threads_a_page: int
) -> None:
    with opened(cluster, threads_a_page=threads_a_page) as pool:
        found = list(read_all(pages(12, crash=5), pool, OPTIONS))
    assert [number for number, _text in found] == list(range(1, 13))
    assert [number for number, text in found if "crashed" in text.reason] == [5]
    assert all(text.state is PageState.NOT_READ for _number, text in found)


@one_or_two_pages_a_task
def test_a_worker_that_is_killed_costs_its_pages_time_only(cluster: DaskProcesses, threads_a_page: int) -> None:
    with opened(cluster, threads_a_page=threads_a_page) as pool:
        kill = threading.Timer(1.0, cluster.workers[-1].kill)
        kill.start()
        found = list(read_all(pages(40), pool, OPTIONS))
        kill.join()
    cluster.start_worker()
    assert [number for number, _text in found] == list(range(1, 41))
    assert all(text.reason.startswith("seen by") for _number, text in found)


def test_a_page_that_kills_its_whole_worker_kills_two_and_is_listed_and_no_other_page_is(tmp_path: Path) -> None:
    with dask(tmp_path) as cluster:
        workers = [cluster.start_worker() for _number in range(4)]
        with opened(cluster, threads_a_page=1) as pool:
            found = list(read_all(pages(40, crash=5, image=Deadly()), pool, OPTIONS))
        assert sum(worker.poll() is not None for worker in workers) == 2
    assert [number for number, text in found if "crashed" in text.reason] == [5]
    assert sum(text.reason.startswith("seen by") for _number, text in found) == 39


def test_a_page_on_its_second_try_is_not_lost_with_a_worker_that_leaves_in_peace(tmp_path: Path) -> None:
    with dask(tmp_path) as cluster:
        dies, leaves, _stays = [cluster.start_worker() for _number in range(3)]
        with opened(cluster) as pool:
            while pool.room() < 9:
                time.sleep(0.2)
            found = []
            for _number, text in read_all(pages(60), pool, OPTIONS):
                found.append(text.reason)
                if len(found) == 10:
                    leaves.send_signal(signal.SIGSTOP)
                    dies.kill()
                    time.sleep(4)  # a page of its is with each of the others
                    leaves.send_signal(signal.SIGTERM)
                    leaves.send_signal(signal.SIGCONT)
        assert leaves.wait(30) == 0
    assert len(found) == 60
    assert all(reason.startswith("seen by") for reason in found)


def test_a_reader_that_is_stopped_when_its_answer_is_asked_for_holds_up_no_answer_of_another(tmp_path: Path) -> None:
    with dask(tmp_path) as cluster:
        cluster.start_worker()
        stops = cluster.start_worker(environment={"DASK_DISTRIBUTED__WORKER__PRELOAD": "tests.cluster.stopping"})
        with opened(cluster) as pool:
            while pool.room() < 6:
                time.sleep(0.2)
            texts = [pool.executor.submit(pool.read, image, OPTIONS) for _number, image in pages(24)]
            end = time.monotonic() + 30
            while (sum(text.done() for text in texts) < 8 or not is_stopped(stops.pid)) and time.monotonic() < end:
                time.sleep(0.1)
            assert is_stopped(stops.pid)
            assert sum(text.done() for text in texts) >= 8
            stops.send_signal(signal.SIGCONT)
            assert all(text.result(60).reason.startswith("seen by") for text in texts)


def is_stopped(pid: int) -> bool:
    return "State:\tT" in Path(f"/proc/{pid}/status").read_text()


def test_a_network_that_is_cut_again_and_again_tells_against_no_page(tmp_path: Path) -> None:
    with dask(tmp_path) as cluster:
        gate = Gate(cluster.port)
        for _number in range(2):
            cluster.start_worker(["tests.cluster.reader", f"dask://127.0.0.1:{gate.port}"])
        cuts = threading.Event()

        def cut() -> None:
            for _number in range(4):
                time.sleep(2.5)
                gate.cut()
            cuts.set()

        cutting = threading.Thread(target=cut)
        with opened(cluster) as pool:
            cutting.start()
            found = []
            for number, text in read_all(pages(200), pool, OPTIONS):
                found.append(text.reason)
                if cuts.is_set() and number > 40:
                    break
        cutting.join()
        gate.shut()
    assert all(reason.startswith("seen by") for reason in found)


def test_the_scheduler_keeps_nothing_of_a_page(cluster: DaskProcesses) -> None:
    with opened(cluster) as pool:
        list(read_all(pages(3), pool, OPTIONS))
        with Client(cluster.address.replace("dask", "tcp"), set_as_default=False) as looks:  # type: ignore[no-untyped-call]
            kept = looks.run_on_scheduler(kept_messages)
    assert kept == []


def kept_messages(dask_scheduler: Scheduler) -> list[str]:
    return [repr(message) for way in dask_scheduler.stream_comms.values() for message in way.recent_message_log]


def test_pages_wait_for_the_scheduler_that_comes_after_one_that_died(cluster: DaskProcesses) -> None:
    said: list[str] = []

    def restart() -> None:
        cluster.kill_scheduler()
        cluster.start_scheduler()

    with opened(cluster, said) as pool:
        killed = threading.Timer(1.0, restart)
        killed.start()
        found = list(read_all(pages(40), pool, OPTIONS))
        killed.join()
    assert [number for number, _text in found] == list(range(1, 41))
    assert all(text.reason.startswith("seen by") for _number, text in found)
    assert any("the scheduler is lost" in line for line in said)


def test_a_worker_with_another_model_is_refused_by_name(cluster: DaskProcesses, tmp_path: Path) -> None:
    if not (BEST_FOLDER / "vie.traineddata").is_file():
        unavailable("the better model", "run setup/models")
    shutil.copy(BEST_FOLDER / "vie.traineddata", tmp_path)
    other = cluster.start_worker(environment={"TESSDATA_PREFIX": str(tmp_path)})
    said: list[str] = []
    with opened(cluster, said) as pool:
        end = time.monotonic() + 20
        while not said and time.monotonic() < end:
            pool.room()  # asked before each page
            time.sleep(0.1)
        found = list(read_all(pages(8), pool, OPTIONS))  # by the others, which go on
    assert all(text.reason.startswith("seen by") for _number, text in found)
    assert any("is refused: it reads with" in line for line in said), cluster.log(f"worker-{len(cluster.workers) - 1}")
    assert other.poll() is None


def test_a_scheduler_that_is_not_there_is_named() -> None:
    with (
        pytest.raises(ServiceUnavailable, match=r"127\.0\.0\.1:9.*no Dask scheduler answers"),
        open_cluster("dask://127.0.0.1:9", Cluster(), OPTIONS, say=print),
    ):
        pass


@pytest.mark.parametrize(
    ("address", "way", "what"),
    [
        ("dask://", Cluster(), "no address"),
        ("dask://reader.example:8786", Cluster(), "another machine"),
        ("dask://127.0.0.1:8786", Cluster(ca_file="/no/ca.pem", certificate="/c", key="/k"), "ca_file: /no/ca.pem"),
    ],
)
def test_an_address_that_is_none_or_unsafe_is_refused(address: str, way: Cluster, what: str) -> None:
    with pytest.raises(SettingsRejected, match=what), open_cluster(address, way, OPTIONS, say=print):
        pass


def test_over_tls_only_who_has_a_certificate_of_the_authority_is_let_in(tmp_path: Path) -> None:
    ours, strangers = certificates(tmp_path, "ours"), certificates(tmp_path, "strangers")
    tls = ["--tls-ca-file", ours.ca_file, "--tls-cert", ours.certificate, "--tls-key", ours.key]
    with dask(tmp_path, tls) as cluster:
        cluster.start_worker(
            ["cli", "worker", cluster.address, "--threads", "1"],
            {
                "SOHOA_CLUSTER_CA_FILE": ours.ca_file,
                "SOHOA_CLUSTER_CERTIFICATE": ours.certificate,
                "SOHOA_CLUSTER_KEY": ours.key,
            },
        )
        with open_cluster(cluster.address, ours, OPTIONS, say=print) as pool:
            found = list(read_all(pages(2), pool, OPTIONS))
        assert [text.state for _number, text in found] == [PageState.NOT_READ] * 2  # by the real reader: no image
        with (
            pytest.raises(ServiceUnavailable, match="no Dask scheduler answers"),
            open_cluster(cluster.address, strangers, OPTIONS, say=print),
        ):
            pass


def certificates(folder: Path, name: str) -> Cluster:
    """A self-signed certificate that is its own authority, and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
               "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
               "-keyout", str(key), "-out", str(certificate)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return Cluster(ca_file=str(certificate), certificate=str(certificate), key=str(key))

"""A watched folder gives each file once, and only when it has arrived whole."""

import errno
import fcntl
import io
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.intake import files_of
from ingest.watch import SETTLED_S, UNFINISHED_S, Watch, only_watcher
from schemas.errors import InputRejected, ServiceUnavailable
from schemas.pages import Scan
from schemas.work import RejectedScan
from tests.ingest.drawn import small_page


def written(save: Callable[[io.BytesIO], object]) -> bytes:
    packed = io.BytesIO()
    save(packed)
    return packed.getvalue()


PDF = written(lambda to: small_page(1).save(to, "PDF"))
TIFF = written(
    lambda to: small_page(1).save(to, "TIFF", save_all=True, append_images=[small_page(2)], compression="tiff_lzw")
)
JPEG = written(lambda to: small_page(1).save(to, "JPEG"))
PNG = written(lambda to: small_page(1).save(to, "PNG"))


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def names(found: list[Scan | RejectedScan]) -> list[str]:
    return [Path(scan.path).name for scan in found]


def test_a_file_is_taken_once_it_stands_still(inbox: Path, clock: Clock) -> None:
    watch = Watch([inbox], clock=clock)
    (inbox / "a.pdf").write_bytes(PDF)
    assert watch.arrived() == []
    clock.now += SETTLED_S
    assert names(watch.arrived()) == ["a.pdf"]
    clock.now += 100
    assert watch.arrived() == []


def test_a_file_that_grows_is_left_until_it_stops(inbox: Path, clock: Clock) -> None:
    watch = Watch([inbox], clock=clock)
    file = inbox / "a.pdf"
    file.write_bytes(PDF[:12])
    watch.arrived()
    clock.now += SETTLED_S - 1
    file.write_bytes(PDF)
    assert watch.arrived() == []
    clock.now += SETTLED_S - 1
    assert watch.arrived() == []
    assert watch.settling == 1
    clock.now += 1
    assert names(watch.arrived()) == ["a.pdf"]
    assert watch.settling == 0


@pytest.mark.parametrize("whole", [PDF, TIFF, JPEG, PNG], ids=["pdf", "tiff", "jpeg", "png"])
@pytest.mark.parametrize("share", [0.5, 0.97])
def test_a_file_that_stands_still_and_does_not_open_whole_is_left(
    inbox: Path, clock: Clock, whole: bytes, share: float
) -> None:
    watch = Watch([inbox], clock=clock)
    file = inbox / "scan"
    file.write_bytes(whole[: int(share * len(whole))])
    watch.arrived()
    clock.now += SETTLED_S
    assert watch.arrived() == []
    file.write_bytes(whole)
    watch.arrived()
    clock.now += SETTLED_S
    assert names(watch.arrived()) == ["scan"]


def test_a_copy_that_stalled_is_given_a_minute_more(inbox: Path, clock: Clock) -> None:
    watch = Watch([inbox], clock=clock)
    (inbox / "a.pdf").write_bytes(PDF[:20])
    watch.arrived()
    clock.now += UNFINISHED_S - 1
    assert watch.arrived() == []
    clock.now += 1
    assert names(watch.arrived()) == ["a.pdf"]


def test_a_file_that_is_no_scan_comes_as_rejected_and_the_next_one_is_taken(inbox: Path, clock: Clock) -> None:
    watch = Watch([inbox], clock=clock)
    (inbox / "a.txt").write_text("not a scan")
    (inbox / "b.pdf").write_bytes(PDF)
    watch.arrived()
    clock.now += SETTLED_S
    first, second = watch.arrived()
    assert isinstance(first, RejectedScan)
    assert isinstance(second, Scan)


def test_a_file_scanned_over_is_taken_again(inbox: Path, clock: Clock) -> None:
    watch = Watch([inbox], clock=clock)
    (inbox / "a.pdf").write_bytes(PDF)
    watch.arrived()
    clock.now += SETTLED_S
    watch.arrived()
    (inbox / "a.pdf").write_bytes(written(lambda to: small_page(3).save(to, "PDF")))
    watch.arrived()
    clock.now += SETTLED_S
    assert names(watch.arrived()) == ["a.pdf"]


def test_two_watchers_never_share_a_folder(inbox: Path) -> None:
    with only_watcher([inbox]), pytest.raises(ServiceUnavailable, match="another sohoa"), only_watcher([inbox]):
        pass
    with only_watcher([inbox]):
        assert list(inbox.iterdir()) == []


def test_two_watchers_never_share_what_lies_in_a_folder_of_the_other(inbox: Path) -> None:
    desk, beside = inbox / "desk", inbox / "beside"
    desk.mkdir()
    beside.mkdir()
    with only_watcher([inbox]), pytest.raises(ServiceUnavailable, match="in which it lies"), only_watcher([desk]):
        pass
    with only_watcher([desk]):
        with pytest.raises(ServiceUnavailable, match="one in it"), only_watcher([inbox]):
            pass
        with only_watcher([beside]):
            pass
    with only_watcher([inbox, desk]):
        pass


def test_two_watchers_never_share_a_folder_on_a_share_that_locks_no_folders(inbox: Path) -> None:
    def as_on_nfs(descriptor: int, how: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EBADF, "Bad file descriptor")
        fcntl.flock(descriptor, how)

    with only_watcher([inbox], as_on_nfs):
        with pytest.raises(ServiceUnavailable, match="another sohoa"), only_watcher([inbox], as_on_nfs):
            pass
        assert list(files_of([inbox])) == []  # the hidden file is no scan


def test_a_share_that_locks_nothing_is_refused(inbox: Path) -> None:
    def as_on_a_poor_share(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with pytest.raises(ServiceUnavailable, match="No locks available"), only_watcher([inbox], as_on_a_poor_share):
        pass


def test_only_folders_are_watched(tmp_path: Path) -> None:
    with pytest.raises(InputRejected, match="nowhere"), only_watcher([tmp_path / "nowhere"]):
        pass

"""How a change becomes visible in an OCFL root: whole or not at all, through a kill at any point.

New files are built in a tree that mirrors the root, under ``extensions/sohoa-staging``, and flushed; one rename marks
the tree as ready; then it is merged into the root by renames, an object's inventory last but for its sidecar. What is
not marked is dropped at the next opening, what is marked is merged to its end. An object that is put in the place of
another (a repair, a destruction) is marked ``.swap``: the old one is set aside by one rename, the new one put there by
the next.
"""

import errno
import fcntl
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeVar

import ocfl
from ocfl.storage_root import StorageRootException

from archive.objects import LAYOUT
from schemas.errors import ServiceUnavailable
from schemas.language import _

T = TypeVar("T")

SPEC_VERSION = "1.1"
DECLARATION = f"0=ocfl_{SPEC_VERSION}"
STAGING = "sohoa-staging"

Step = Callable[[str], None]


def no_step(name: str) -> None:
    pass


_locks = threading.local()


class Busy(Exception):
    """Another run is making a deposit now."""


@dataclass(frozen=True, slots=True)
class Staging:
    """Changes to the OCFL root at ``root``, one at a time among all processes."""

    root: Path
    at_step: Step = field(default=no_step, repr=False)

    @contextmanager
    def locked(self, *, wait: bool) -> Iterator[None]:
        """Alone in writing to this root, among all processes. Busy at once where *wait* is False."""
        handle = os.open(self.root / DECLARATION, os.O_RDWR)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError as error:
                raise Busy from error
            _mine().add(self.root)
            yield
        finally:
            _mine().discard(self.root)
            os.close(handle)

    @property
    def is_mine(self) -> bool:
        """This thread has the lock."""
        return self.root in _mine()

    def add(self, build: Callable[[Path], T]) -> T:
        """Put in place what *build* writes to the tree that it is given, and return what it says. Under the lock."""
        return self._put(build, "ready")

    def swap(self, object_path: str, build: Callable[[Path], T], *, aside: Path | None) -> T:
        """As ``add``, but the object at *object_path* makes way whole: to the folder *aside*, or to nowhere."""

        def with_address(tree: Path) -> T:
            said = build(tree)
            address = f"{object_path}\n{aside.absolute() if aside else ''}\n"
            (tree.parent / "address").write_text(address, encoding="utf-8")
            return said

        return self._put(with_address, "swap")

    def _put(self, build: Callable[[Path], T], mark: str) -> T:
        folder = self.root / "extensions" / STAGING
        folder.mkdir(mode=0o700, exist_ok=True)
        work = Path(mkdtemp(suffix=".part", dir=folder))
        try:
            said = build(work / "tree")
            flush(work)
            self.at_step("flushed")
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            with suppress(OSError):
                folder.rmdir()
            raise
        marked = work.with_suffix(f".{mark}")
        work.rename(marked)
        sync_folder(folder)
        self.at_step("ready")
        self._finish(marked)
        self.at_step("deposited")
        folder.rmdir()
        return said

    def recover(self) -> None:
        """Drop what was being built when its run ended, put in place what was ready. Under the lock."""
        folder = self.root / "extensions" / STAGING
        if not folder.is_dir():
            return
        for left in sorted(folder.iterdir()):
            self._finish(left)
        folder.rmdir()

    def _finish(self, work: Path) -> None:
        if work.suffix == ".ready":
            self._merge_folder(work / "tree", self.root)
        elif work.suffix == ".swap":
            self._exchange(work)
        # One rename says that all is in its place: a run killed while it clears up leaves what is merely dropped.
        shutil.rmtree(work.rename(work.with_suffix(".part")))

    def _exchange(self, work: Path) -> None:
        """Each step is done where it is not done yet, so that it can be gone on with after a kill."""
        object_path, aside = (work / "address").read_text(encoding="utf-8").splitlines()
        there, new, old = self.root / object_path, work / "tree" / object_path, work / "old"
        if new.exists():
            if there.exists():
                there.rename(old)
                self.at_step("set aside")
            there.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.rename(there)
            sync_folder(there.parent)
            self.at_step(f"in place: {there.name}")
        if aside and old.exists():
            Path(aside).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.rmtree(aside, ignore_errors=True)  # half a copy, to another disk, of a run that was killed there
            try:
                old.rename(aside)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                shutil.copytree(old, aside, symlinks=True)
                flush(Path(aside))

    def _merge_folder(self, staged: Path, target: Path) -> None:
        # Folders first: a version's files are there before the inventory that names them, its sidecar follows it.
        # A new object goes in by one rename, with those of its parents that are new.
        for entry in sorted(staged.iterdir(), key=lambda entry: (not entry.is_dir(), entry.name)):
            there = target / entry.name
            if entry.is_dir() and there.is_dir():
                self._merge_folder(entry, there)
            else:
                entry.replace(there)
                sync_folder(target)
                self.at_step(f"in place: {entry.name}")


def _mine() -> set[Path]:
    """The roots whose lock this thread has."""
    if not hasattr(_locks, "roots"):
        _locks.roots = set()
    roots: set[Path] = _locks.roots
    return roots


def make_root(root: Path) -> None:
    """Build an empty root beside, then put it in its place by one rename."""
    root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = Path(mkdtemp(prefix=making(root), dir=root.parent))
    try:
        made = beside / "root"
        ocfl.StorageRoot(str(made), layout_name=LAYOUT).initialize(spec_version=SPEC_VERSION)
        flush(made)
        made.rename(root)
        sync_folder(root.parent)
    except (OSError, StorageRootException):
        # Another run that makes it at the same time may be first, and sweeps up what it finds beside.
        if not (root / DECLARATION).is_file():
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def making(root: Path) -> str:
    """How the name of a folder begins in which a root is being made."""
    return f".{root.absolute().name}.making-"


def flush(folder: Path) -> None:
    """Every file and folder below *folder*, and itself, for its owner only and on the disk."""
    for parent, _folders, files in os.walk(folder, topdown=False):
        for name in files:
            if os.path.islink(os.path.join(parent, name)):  # in a damaged object that is set aside
                continue
            handle = os.open(os.path.join(parent, name), os.O_RDONLY)
            try:
                os.fchmod(handle, 0o600)
                os.fsync(handle)
            finally:
                os.close(handle)
        os.chmod(parent, 0o700)
        sync_folder(Path(parent))


def sync_folder(folder: Path) -> None:
    """The names in *folder* on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def unavailable(root: Path, error: OSError) -> ServiceUnavailable:
    """The error of a root that cannot be written, read, or locked."""
    if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP):
        return ServiceUnavailable(
            _("archive {root}: its file system cannot lock ({error}), so two runs could damage each other's work; put "
              "archive.root on a local disk, or mount it with locks").format(root=root, error=error.strerror)
        )  # fmt: skip
    return ServiceUnavailable(
        _("archive {root}: {error} ({file}); make room or mend permissions, then run the same command again").format(
            root=root, error=error.strerror or error, file=error.filename or root
        )
    )

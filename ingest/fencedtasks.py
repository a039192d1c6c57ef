"""One task on one foreign file, in a process of its own that can read that file and do no harm."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ingest.fence import ADDRESS_SPACE_BYTES, GIB, Fence
from ingest.fencedprocess import FencedProcess, TookTooLong, WorkerDied
from schemas.errors import InputRejected
from schemas.language import _

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FencedFile:
    """A file that is open in a process of its own, where tasks are done on it."""

    path: Path
    process: FencedProcess
    remedy: str
    """What to do about a file on which that process dies."""

    def run(self, task: Callable[..., T], *arguments: Any, timeout_s: float) -> T:
        """What *task* finds there; its errors are raised. InputRejected where it crashes, hangs or takes all memory."""
        with blamed_on(self.path, self.remedy, timeout_s):
            answer: T = self.process.run(task, arguments, timeout_s)
            return answer


@contextmanager
def fenced_file(
    path: Path, *, programs: Sequence[str] = (), remedy: str, timeout_s: float = 60.0
) -> Iterator[FencedFile]:
    """A process that may read *path*, run *programs* (by their names) and write in a folder that goes with it."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputRejected(
            _("{file}: {error}; mend the path or the file's permissions").format(file=path, error=error.strerror)
        ) from error
    with tempfile.TemporaryDirectory(prefix="sohoa-") as folder:
        found = tuple(Path(there) for name in programs if (there := shutil.which(name)))
        fence = Fence((path.absolute(),), Path(folder), found, ADDRESS_SPACE_BYTES + size, max(GIB, 4 * size))
        with blamed_on(path, remedy, timeout_s):
            process = FencedProcess(fence, _ready, ())
        try:
            yield FencedFile(path, process, remedy)
        finally:
            process.close()


@contextmanager
def blamed_on(path: Path, remedy: str, timeout_s: float) -> Iterator[None]:
    """What a process died of becomes InputRejected, which names *path* and says what to do."""
    try:
        yield
    except TookTooLong as error:
        died_of: Exception = error
        cause = _("takes longer than {seconds:g} s").format(seconds=timeout_s)
    except MemoryError as error:
        died_of, cause = error, _("takes more memory than one scan may have")
    except WorkerDied as error:
        died_of, cause = error, _("the program that reads it crashes on it")
    else:
        return
    raise InputRejected(f"{path}: {cause}; {remedy}") from died_of


def _ready() -> None:
    """Nothing to prepare."""

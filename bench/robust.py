"""Every file of a folder of broken, encrypted, looping and odd files through ingest: how each ends, and how soon.

    .venv/bin/python -m bench.robust [--files ../shared/data/robust] [--limit-s 60] [--fast | --unread] [--json]

One workspace, one pool of two workers, the files one after another, each timed from its opening to its last record.
With --fast pages are read once; with --unread they are drawn, decoded, composed and signed, but not read. An ending is
the file's state, and its reason without what is only this file's; ``late`` are files that took longer than the limit.
Any error that is none of sohoa's own ends the run with its traceback.
"""

import argparse
import json
import logging
import re
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import bench.robust  # as workers know it, who do not load the main module
from archive.catalogue import Catalogue
from archive.store import Archive
from ingest.fencedchecks import SCAN_TIMEOUT_S, FencedChecks
from ingest.images import decoded
from ingest.intake import find_scans
from ingest.pipeline import Deposited, Desk, Held, ScanDone, Skipped, ingest
from ingest.reading import load_engine, read_page
from ingest.scanreading import Reading
from ingest.workers import ReadPage, open_pool
from samples.keys import make_demo_keys
from schemas.pages import Box, Line, PageImage, PageText, ReadingOptions, Word
from schemas.work import RejectedScan, SecretScan
from tests.ingest.signed import seals as opened_seals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=Path, default=Path("../shared/data/robust"))
    parser.add_argument("--limit-s", type=float, default=60.0)
    parser.add_argument("--json", action="store_true", help="a line a file, the totals last")
    parser.add_argument("--fast", action="store_true", help="read every page once only")
    parser.add_argument("--unread", action="store_true", help="decode the pages, and read nothing on them")
    a = parser.parse_args()
    logging.disable(logging.WARNING)
    files = sorted(file for file in a.files.rglob("*") if file.is_file())
    endings: dict[str, Counter[str]] = defaultdict(Counter)
    late, slowest = [], 0.0
    with tempfile.TemporaryDirectory(prefix="sohoa-bench-") as temporary:
        read = bench.robust.decoded_only if a.unread else read_page
        for file, ending, reason, pages, seconds in _endings(files, Path(temporary), read, fast=a.fast):
            endings[ending][reason] += 1
            slowest = max(slowest, seconds)
            if seconds > a.limit_s:
                late.append(str(file))
            if a.json:
                line = {"file": str(file.relative_to(a.files)), "ending": ending, "reason": reason, "pages": pages,
                        "seconds": round(seconds, 2)}  # fmt: skip
                print(json.dumps(line, ensure_ascii=False), flush=True)
    totals = {name: dict(reasons.most_common()) for name, reasons in sorted(endings.items())}
    if a.json:
        print(json.dumps({"files": len(files), "endings": totals, "late": late, "slowest_s": round(slowest, 1)}))
        return
    print(f"{len(files)} files, {len(late)} later than {a.limit_s:g} s, the slowest {slowest:.1f} s")
    for name, reasons in totals.items():
        print(f"{sum(reasons.values()):5d}  {name}")
        for reason, count in reasons.items():
            print(f"         {count:5d}  {reason}")


def nothing_to_load(options: ReadingOptions) -> None:
    """Decoding takes no model."""
    del options


def decoded_only(page: PageImage, options: ReadingOptions, /) -> PageText:
    """The page with one word on it, once its image is decoded."""
    del options
    decoded(page.content)
    word = Word("unread", Box(0.1, 0.1, 0.2, 0.12), 0.9, (0.1, 0.12, 0.2, 0.12))
    line = Line((word,), word.box, 0.02, 0, 0)
    return PageText(page.number, page.width_px, page.height_px, page.dpi, page.turn, lines=(line,))


def _endings(
    files: list[Path], folder: Path, read: ReadPage, *, fast: bool
) -> Iterator[tuple[Path, str, str, int, float]]:
    """Each file, what it ended as, the reason without what is only this file's, its pages where all of them came to
    their end, and the seconds it took."""
    for part in ("waiting", "tmp", "quarantine"):
        (folder / part).mkdir()
    options = ReadingOptions(fast=fast)
    desk = Desk(
        catalogue=Catalogue.open(f"sqlite:///{folder}/catalogue.db"), archive=Archive.open(folder / "archive"),
        seals=tuple(opened_seals(make_demo_keys(folder / "keys"))), folder=folder, operator="bench", unit="H29",
        procedure="", dossier="", programs={}, settings={},
        verify=FencedChecks(SCAN_TIMEOUT_S),
    )  # fmt: skip
    prepare = load_engine if read is read_page else bench.robust.nothing_to_load
    with open_pool(2, options, read=read, prepare=prepare) as pool:
        reading = Reading(pool, options, folder / "tmp")
        for file in files:
            started = time.monotonic()
            events = list(ingest(find_scans([file]), reading, desk))
            seconds = time.monotonic() - started
            kinds = Counter(type(event) for event in events)
            pages = sum(event.pages for event in events if isinstance(event, ScanDone))
            if kinds[RejectedScan]:
                reason = next(event.reason for event in events if isinstance(event, RejectedScan))
                yield file, "rejected", _general(reason, file), pages, seconds
            elif kinds[SecretScan]:
                yield file, "stopped as secret", "", pages, seconds
            elif kinds[Skipped]:
                yield file, "the same bytes as one before", "", pages, seconds
            elif kinds[Held]:
                yield file, "waits for a person", "", pages, seconds
            elif kinds[Deposited]:
                yield file, "archived", "", pages, seconds
            else:
                assert kinds[ScanDone], (file, events)
                yield file, "taken, nothing but blank pages", "", pages, seconds


def _general(reason: str, file: Path) -> str:
    return re.sub(r"\d[\d.,×x ]*", "N ", re.sub(r"\(.*?\)", "(…)", reason.replace(str(file), "FILE")))


if __name__ == "__main__":
    main()

"""Stamps of secrecy: which of many drawn ones are seen, by condition, and what is raised where there is none.

    .venv/bin/python -m bench.secrecy [--count N] [--seed N] [--scans FOLDER …] [--json]

Half of the drawn stamps are of secrecy, the others of urgency or cancelling (none of these may be raised). Each has a
random text, typeface, slope up to 10°, resolution from 150 to 400 dpi; the conditions go round. With ``--scans`` every
page below the folders is looked at too: none there is secret, so each one raised is a false alarm.
"""

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from ingest import images
from ingest.intake import find_scans
from ingest.ocr.engine import OcrEngine, open_engine
from ingest.pages import open_pages
from ingest.secrecy import secrecy_mark
from samples.stamps import NOT_SECRET, SECRET, Colours, Stamping, stamped_page
from schemas.pages import ReadingOptions, Scan

FONTS = ("Tinos-Bold", "Arimo-Bold")
COLOURS: tuple[Colours, ...] = ("colour", "grey", "bilevel")
WAYS: dict[str, dict[str, float | bool]] = {
    "whole": {},
    "faded": {"strength": 0.3},
    "worn": {"patches": 0.15},
    "faded, worn": {"strength": 0.45, "patches": 0.1},
    "over text": {"over_text": True},
    "faded over text": {"strength": 0.5, "over_text": True},
}
BILEVEL_STRENGTH = {0.3: 0.62, 0.45: 0.7, 0.5: 0.75}
"""In black and white an even fading shows only near the threshold: at 0.62 a fifth of the points is left out."""


@dataclass(slots=True)
class Tally:
    drawn: int = 0
    seen: int = 0
    others: int = 0
    raised: int = 0
    missed: list[str] = field(default_factory=list)


def drawn(count: int, seed: int) -> Iterator[tuple[str, str, Stamping]]:
    """Condition, colours and stamp, *count* times, the same for the same *seed*."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        colours = COLOURS[number // 2 % 3]
        name = list(WAYS)[number // 6 % len(WAYS)]
        way = dict(WAYS[name])
        if colours == "bilevel" and "strength" in way:
            way["strength"] = BILEVEL_STRENGTH[float(way["strength"])]
        text = str(rng.choice(SECRET if number % 2 == 0 else NOT_SECRET))
        yield name, colours, Stamping(
            text, int(rng.choice([150, 200, 240, 300, 400])), float(rng.uniform(-10, 10)), colours,
            font=str(rng.choice(FONTS)), seed=int(rng.integers(1 << 30)), **way,  # type: ignore[arg-type]
        )  # fmt: skip


def look(count: int, seed: int, engine: OcrEngine) -> dict[tuple[str, str], Tally]:
    tallies: dict[tuple[str, str], Tally] = defaultdict(Tally)
    for name, colours, stamping in drawn(count, seed):
        seen = secrecy_mark(stamped_page(stamping), stamping.dpi, engine) is not None
        tally = tallies[name, colours]
        if stamping.text in SECRET:
            tally.drawn += 1
            tally.seen += seen
        else:
            tally.others += 1
            tally.raised += seen
        if seen != (stamping.text in SECRET):
            tally.missed.append(repr(stamping))
    return tallies


def false_alarms(folders: list[Path], engine: OcrEngine) -> tuple[int, list[str], float]:
    """How many pages were looked at, which were raised, and the mean time of one by the processor in milliseconds."""
    pages, raised, took_s = 0, [], 0.0
    with tempfile.TemporaryDirectory() as spool:
        for scan in find_scans(folders):
            if not isinstance(scan, Scan):
                continue
            with open_pages(scan, spool=Path(spool)) as opened:
                for number in range(1, opened.count + 1):
                    page = opened.image(number)
                    picture = images.turned(images.decoded(page.content), page.turn)
                    picture = picture[: picture.shape[0] // 2]  # as a page that is read well is looked at
                    began = time.process_time()
                    if secrecy_mark(picture, page.dpi, engine) is not None:
                        raised.append(f"{scan.path.name}, page {number}")
                    took_s += time.process_time() - began
                    pages += 1
    return pages, raised, 1000 * took_s / max(pages, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=540)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scans", nargs="*", type=Path, default=[])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    engine = open_engine(ReadingOptions())
    tallies = look(arguments.count, arguments.seed, engine)
    pages, raised, took_ms = false_alarms(arguments.scans, engine) if arguments.scans else (0, [], 0.0)
    if arguments.json:
        rows = [
            {"way": way, "colours": colours, "drawn": t.drawn, "seen": t.seen, "others": t.others, "raised": t.raised}
            for (way, colours), t in tallies.items()
        ]
        print(json.dumps({"drawn": rows, "pages": pages, "raised": raised, "ms_a_page": took_ms}))
        return
    print(f"{'':18s}" + "".join(f"{colours:>12s}" for colours in COLOURS) + "   seen of those drawn")
    for way in WAYS:
        print(f"{way:18s}" + "".join(f"{t.seen:7d}/{t.drawn:<4d}" for c in COLOURS if (t := tallies[way, c])))
    others = sum(t.others for t in tallies.values())
    print(f"raised of {others} stamps that are none of secrecy: {sum(t.raised for t in tallies.values())}")
    for tally in tallies.values():
        for each in tally.missed:
            print(f"  wrong: {each}")
    if pages:
        print(f"real pages: {pages}, raised: {len(raised)} {raised}, {took_ms:.0f} ms a page")


if __name__ == "__main__":
    main()

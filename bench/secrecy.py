"""Stamps of secrecy: which of many drawn ones are seen, by condition, and what is raised where there is none.

    .venv/bin/python -m bench.secrecy [--every] [--count N] [--seed N] [--scans FOLDER …] [--json]

Half of the drawn stamps are of secrecy, the others of urgency or cancelling (none of these may be raised). Each has a
random text, typeface, slope up to 10°, resolution from 150 to 400 dpi; the conditions go round. With ``--every`` they
are instead one of each: every text at every resolution, slope and condition. With ``--scans`` every page below the
folders is looked at too: none there is secret, so each one raised is a false alarm.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import product
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


DPIS = (150, 200, 240, 300, 400)
SLOPES_DEG = (-10.0, -5.0, 0.0, 5.0, 10.0)


MARGINS: dict[str, Callable[[Stamping], str | float]] = {
    "text": lambda stamping: stamping.text,
    "resolution (dpi)": lambda stamping: stamping.dpi,
    "slope (degrees, up to)": lambda stamping: -(-abs(stamping.slope_deg) // 2.5) * 2.5,
}


@dataclass(frozen=True, slots=True)
class Look:
    """A drawn stamp, how it was worn, and whether it was taken for one of secrecy."""

    way: str
    stamping: Stamping
    raised: bool

    @property
    def secret(self) -> bool:
        return self.stamping.text in SECRET


def some(count: int, seed: int) -> Iterator[tuple[str, Stamping]]:
    """Condition and stamp, *count* times, the same for the same *seed*."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        name, colours = list(WAYS)[number // 6 % len(WAYS)], COLOURS[number // 2 % 3]
        text = str(rng.choice(SECRET if number % 2 == 0 else NOT_SECRET))
        yield name, Stamping(
            text, int(rng.choice(DPIS)), float(rng.uniform(-10, 10)), colours,
            font=str(rng.choice(FONTS)), seed=int(rng.integers(1 << 30)), **_worn(name, colours),  # type: ignore[arg-type]
        )  # fmt: skip


def every(seed: int) -> Iterator[tuple[str, Stamping]]:
    """One of each; the typefaces take turns."""
    rng = np.random.default_rng(seed)
    for number, (text, dpi, slope, name, colours) in enumerate(
        product((*SECRET, *NOT_SECRET), DPIS, SLOPES_DEG, WAYS, COLOURS)
    ):
        yield name, Stamping(
            text, dpi, slope, colours, font=FONTS[number % 2], seed=int(rng.integers(1 << 30)),
            **_worn(name, colours),  # type: ignore[arg-type]
        )  # fmt: skip


def _worn(way: str, colours: Colours) -> dict[str, float | bool]:
    worn = dict(WAYS[way])
    if colours == "bilevel" and "strength" in worn:
        worn["strength"] = BILEVEL_STRENGTH[float(worn["strength"])]
    return worn


def look(stamps: Iterable[tuple[str, Stamping]], engine: OcrEngine) -> list[Look]:
    return [Look(way, stamping, secrecy_mark(stamped_page(stamping), stamping.dpi, engine) is not None)
            for way, stamping in stamps]  # fmt: skip


def seen(looks: Iterable[Look]) -> str:
    """How many of the stamps of secrecy were seen."""
    secret = [look.raised for look in looks if look.secret]
    return f"{sum(secret)}/{len(secret)}"


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
    parser.add_argument("--every", action="store_true")
    parser.add_argument("--count", type=int, default=540)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scans", nargs="*", type=Path, default=[])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    engine = open_engine(ReadingOptions())
    stamps = every(arguments.seed) if arguments.every else some(arguments.count, arguments.seed)
    looks = look(stamps, engine)
    pages, raised, took_ms = false_alarms(arguments.scans, engine) if arguments.scans else (0, [], 0.0)
    if arguments.json:
        rows = [{"way": one.way, "secret": one.secret, "raised": one.raised} | asdict(one.stamping) for one in looks]
        print(json.dumps({"drawn": rows, "pages": pages, "raised": raised, "ms_a_page": took_ms}))
        return
    print(f"{'':18s}" + "".join(f"{colours:>12s}" for colours in COLOURS) + "   seen of those drawn")
    for way in WAYS:
        cells = (seen(one for one in looks if (one.way, one.stamping.colours) == (way, colours)) for colours in COLOURS)
        print(f"{way:18s}" + "".join(f"{cell:>12s}" for cell in cells))
    for name, value_of in MARGINS.items():
        values = sorted({value_of(one.stamping) for one in looks if one.secret})
        told = (f"{value}: {seen(one for one in looks if value_of(one.stamping) == value)}" for value in values)
        print(f"by {name}: " + ", ".join(told))
    others = [one for one in looks if not one.secret]
    print(f"raised of {len(others)} stamps that are none of secrecy: {sum(one.raised for one in others)}")
    for one in looks:
        if one.raised != one.secret:
            print(f"  wrong ({one.way}): {one.stamping}")
    if pages:
        print(f"real pages: {pages}, raised: {len(raised)} {raised}, {took_ms:.0f} ms a page")


if __name__ == "__main__":
    main()

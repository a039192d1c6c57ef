"""The frame of every stamp of secrecy is found and let through to be judged, however it lies and has worn."""

from typing import Any

import pytest

from ingest.images import resized
from ingest.secrecy import WORK_DPI
from ingest.stampframes import frames, inks, looked_at
from samples.stamps import SECRET, WIDTH_MM, Colours, Stamping, stamped_page

WORN: dict[str, dict[str, Any]] = {
    "whole": {},
    "faded": {"strength": 0.3},
    "worn": {"patches": 0.15},
    "worn far": {"patches": 0.25},
    "faded, worn": {"strength": 0.45, "patches": 0.1},
    "over text": {"over_text": True},
}
STRENGTH_BILEVEL = {0.3: 0.62, 0.45: 0.7}
"""In black and white an even fading shows only near the threshold."""


def is_let_through(stamping: Stamping) -> bool:
    """A frame where the stamp's middle is, 4 mm to each side, is there to be judged."""
    page, factor = stamped_page(stamping), min(1.0, WORK_DPI / stamping.dpi)
    mm = stamping.dpi * factor / 25.4
    x, y = 34 + WIDTH_MM[stamping.text] / 2, 56 if not stamping.over_text else 86
    return any(
        abs(frame.x / mm - x) < 4 and abs(frame.y / mm - y) < 4
        and looked_at(page, factor, stamping.dpi, frame, red) is not None
        for ink, red in inks(resized(page, factor)) for frame in frames(ink, mm)
    )  # fmt: skip


@pytest.mark.parametrize("text", SECRET)
@pytest.mark.parametrize("colours", ["colour", "grey", "bilevel"])
@pytest.mark.parametrize("worn", WORN)
def test_the_frame_of_a_stamp_is_let_through(text: str, colours: Colours, worn: str) -> None:
    how = dict(WORN[worn])
    if colours == "bilevel" and "strength" in how:
        how["strength"] = STRENGTH_BILEVEL[how["strength"]]
    for number, (dpi, slope_deg) in enumerate([(150, -10.0), (240, 6.5), (400, 0.0)]):
        stamping = Stamping(text, dpi, slope_deg, colours, seed=number, **how)
        assert is_let_through(stamping), stamping

"""The rows of number and date looked at once more, with the image at hand: is this digit print, what is that symbol?"""

from dataclasses import replace

from ingest.extract.grammar import is_label
from ingest.extract.head import HeadFields
from ingest.images import Grey
from ingest.ocr.engine import OcrEngine
from ingest.ownprint import digits_seen
from ingest.symbolapart import symbol_apart
from schemas.pages import PageText

HEAD = 0.5
"""The rows of number and date stand in this part of a page, if it is a first one."""


def with_head_rows(text: PageText, page: Grey, dpi: float, engine: OcrEngine | None) -> PageText:
    """*text* with what its rows of number and date show on *page*, the upright scan, read at *dpi*.

    Without an *engine* nothing is read again. Pages without such rows stay as they are; the others cost 0.1 s.
    """
    if not any(is_label(word.text) for line in text.lines if line.box.y0 < HEAD for word in line.words):
        return text
    head = HeadFields([text])
    number, dated = head.number_row, head.date_run
    rows = [row for row in (number.row if number else None, dated) if row is not None]
    symbol = symbol_apart(page, dpi, number, engine) if number is not None and engine is not None else None
    return replace(
        text, digits=digits_seen(page, text.lines, rows), apart=(symbol,) if symbol is not None else ()
    )  # fmt: skip

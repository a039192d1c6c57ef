"""Papers as an engine would have read them: every word at its place by NĐ 30/2020, without an engine."""

import hashlib
import io
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

from schemas.pages import Box, EngineIdentity, Line, PageImage, PageState, PageText, ReadingOptions, Word

DRAWN = EngineIdentity("drawn", "1", "none")
LINE_HEIGHT = 0.014


def line(text: str, x: float, y: float, width: float, block: int, confidence: float = 0.97) -> Line:
    """*text* from *x* on, its words as wide as their letters ask for."""
    words: list[Word] = []
    letters = sum(len(word) + 1 for word in text.split())
    left, bottom = x, y + 0.8 * LINE_HEIGHT
    for word in text.split():
        right = left + width * len(word) / letters
        words.append(Word(word, Box(left, y, right, bottom), confidence, (left, bottom, right, bottom)))
        left = right + width / letters
    return Line(tuple(words), Box(x, y, x + width, bottom), LINE_HEIGHT, block, 1)


def decision(
    number: str = "3165",
    *,
    number_confidence: float = 0.97,
    day_confidence: float = 0.97,
    street: str = "Lê Lợi",
    also: str = "",
) -> PageText:
    """A district's decision on one page; with a low confidence of its number or day it must wait for a person. Without
    *also*, a line of its body, it says nearly the same as any other."""
    body = (
        "Căn cứ Luật Tổ chức chính quyền địa phương ngày 19 tháng 6 năm 2015;",
        "Căn cứ Nghị định số 35/2023/NĐ-CP ngày 20 tháng 6 năm 2023 của Chính phủ;",
        f"Điều 1. Cấp giấy phép xây dựng công trình tại số 135 đường {street}.",
        "Điều 2. Quyết định này có hiệu lực kể từ ngày ký.",
        *([also] if also else []),
    )
    lines = (
        line("ỦY BAN NHÂN DÂN", 0.12, 0.05, 0.22, 1),
        line("QUẬN 1", 0.18, 0.066, 0.09, 1),
        line("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", 0.45, 0.05, 0.45, 2),
        line("Độc lập - Tự do - Hạnh phúc", 0.53, 0.067, 0.29, 2),
        line(f"Số: {number}/QĐ-UBND", 0.14, 0.10, 0.18, 3, number_confidence),
        line("Quận 1, ngày 15 tháng 8 năm 2023", 0.50, 0.10, 0.32, 4, day_confidence),
        line("QUYẾT ĐỊNH", 0.41, 0.15, 0.18, 5),
        line(f"Về việc cấp giấy phép xây dựng công trình tại số 135 đường {street}", 0.2, 0.17, 0.6, 6),
        line("CHỦ TỊCH ỦY BAN NHÂN DÂN QUẬN 1", 0.3, 0.22, 0.4, 7),
        *(line(text, 0.15, 0.26 + 0.02 * row, 0.75, 8 + row) for row, text in enumerate(body)),
        line("Nơi nhận:", 0.13, 0.60, 0.1, 20),
        line("- Lưu: VT.", 0.13, 0.63, 0.1, 20),
        line("CHỦ TỊCH", 0.62, 0.60, 0.12, 21),
        line("Nguyễn Thị Hồng", 0.60, 0.72, 0.18, 22),
    )
    return PageText(1, 413, 585, 50.0, lines=lines, engine=DRAWN)


def blank() -> PageText:
    return PageText(1, 413, 585, 50.0, state=PageState.BLANK, engine=DRAWN)


@dataclass(slots=True)
class Reader:
    """Answers each known picture with its text, and counts how often it was asked. Pictures are known by their pixels,
    however they are packed."""

    texts: dict[str, PageText]
    asked: list[int] = field(default_factory=list)

    def __call__(self, page: PageImage, options: ReadingOptions, /) -> PageText:
        self.asked.append(page.number)
        with Image.open(io.BytesIO(page.content)) as image:
            return replace(self.texts[pixels(image)], number=page.number)


def pixels(image: Image.Image) -> str:
    return hashlib.sha256(image.convert("L").tobytes()).hexdigest()


class HereAndNow(Executor):
    """An executor that does the work in the calling thread, when it is asked to."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - handed to whoever asks for the result, as executors do
            future.set_exception(error)
        return future

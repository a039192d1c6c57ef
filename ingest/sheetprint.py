"""Cover sheets and labels as a PDF to print: the code, and the same in words a clerk can read."""

import os
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

import segno
from jinja2 import Environment
from weasyprint import HTML
from weasyprint.text.fonts import FontConfiguration

from ingest.sheets import Form, write
from schemas.documents import Kind, Sheet
from schemas.errors import ServiceUnavailable
from schemas.language import _

FONT = {"regular": "Tinos-Regular.ttf", "bold": "Tinos-Bold.ttf"}
"""Metrics and Vietnamese letters of Times New Roman, the typeface of NĐ 30/2020; Debian's fonts-croscore."""
LABELS_A_SHEET = 24
"""Three by eight labels of 70 × 37 mm fill A4: the commonest ready-cut sheet."""
MOST_LETTERS = 160
"""Of a procedure's code and name, on a sheet: three lines and a half."""

KINDS = {Kind.RESULT: "Kết quả", Kind.COMPONENT: "Thành phần hồ sơ", Kind.COPY: "Bản sao"}

STYLE = """
@font-face { font-family: Sheet; src: url({{ font.regular }}) }
@font-face { font-family: Sheet; font-weight: bold; src: url({{ font.bold }}) }
body { font-family: Sheet; margin: 0 }
"""

COVER = (
    """<html lang="vi"><head><title>Tờ phân cách</title><style>"""
    + STYLE
    + """
@page { size: A4; margin: 15mm }
.sheet { page-break-after: always; text-align: center; position: relative; height: 266mm }
.sheet:last-child { page-break-after: auto }
h1 { font-size: 34pt; margin: 0 0 2mm }
.hint { font-size: 13pt; margin: 0 8mm 8mm }
.large { width: 112mm; height: 112mm }
table { margin: 8mm auto 0; font-size: 20pt; text-align: left; border-collapse: collapse }
td { padding: 1.5mm 4mm; vertical-align: top; max-width: 120mm; overflow-wrap: anywhere } td + td { font-weight: bold }
.foot { position: absolute; bottom: 2mm; left: 36mm; right: 36mm; font-size: 9pt; overflow-wrap: anywhere }
.small { width: 34mm; height: 34mm; position: absolute; bottom: 0 }
</style></head><body>{% for sheet in sheets %}<div class="sheet">
<h1>TỜ PHÂN CÁCH</h1>
<div class="hint">Đặt trước giấy tờ đầu tiên, mặt có mã cùng phía với mặt được quét.<br>
Tờ này không phải là trang của hồ sơ.</div>
<img class="large" src="{{ sheet.code }}">
<table>{% for name, value in sheet.words %}<tr><td>{{ name }}</td><td>{{ value }}</td></tr>{% endfor %}</table>
<img class="small" style="left: 0" src="{{ sheet.code }}"><img class="small" style="right: 0" src="{{ sheet.code }}">
<div class="foot">{{ sheet.text }}</div>
</div>{% endfor %}</body></html>"""
)

LABELS = (
    """<html lang="vi"><head><title>Nhãn hồ sơ</title><style>"""
    + STYLE
    + """
@page { size: A4; margin: 0.5mm 0 }
.label { float: left; width: 69.99mm; height: 37mm; position: relative; overflow: hidden }
.label img { position: absolute; left: 3mm; top: 3.5mm; width: 30mm; height: 30mm }
.words { position: absolute; left: 34mm; top: 4mm; width: 33mm; font-size: 7.5pt; line-height: 1.1;
         word-break: break-all }
b { display: block; font-size: 9pt; margin-bottom: 0.7mm }
</style></head><body>{% for sheet in sheets %}<div class="label"><img src="{{ sheet.code }}">
<div class="words">{% for name, value in sheet.words %}{{ name }}<b>{{ value }}</b>{% endfor %}</div></div>
{%- endfor %}</body></html>"""
)


def cover_pdf(sheets: Sequence[Sheet], called: Callable[[str], str] = str) -> bytes:
    """A page A4 for each sheet; *called* says its procedure's code with the name. SettingsRejected names a field that
    no code can hold, ServiceUnavailable a font that is missing."""
    return _drawn(COVER, [_shown(sheet, Form.SHEET, called) for sheet in sheets])


def labels_pdf(sheets: Sequence[Sheet]) -> bytes:
    """A page A4 of 24 equal labels for each sheet; errors as ``cover_pdf``."""
    return _drawn(LABELS, list(chain.from_iterable([_shown(sheet, Form.LABEL)] * LABELS_A_SHEET for sheet in sheets)))


def _shown(sheet: Sheet, form: Form, called: Callable[[str], str] = str) -> dict[str, object]:
    text = write(sheet, form)
    words = [
        ("Hồ sơ", sheet.dossier),
        ("Thủ tục", _beginning(called(sheet.procedure))),
        ("Đơn vị", sheet.unit),
        ("Loại giấy tờ", KINDS[sheet.kind] if sheet.kind else ""),
    ]
    # Level H: what a stamp hides, up to 30 % of the code, is mended
    code = segno.make_qr(text, error="h", boost_error=False).svg_data_uri(border=4, scale=10)
    return {"text": text, "code": code, "words": [(name, value) for name, value in words if value]}


def _beginning(name: str) -> str:
    """So much of it as leaves the sheet's codes their place: procedures may be called by whole paragraphs."""
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…"


def _drawn(template: str, sheets: Sequence[dict[str, object]]) -> bytes:
    font = {weight: _font(file).as_uri() for weight, file in FONT.items()}
    html = Environment(autoescape=True).from_string(template).render(sheets=sheets, font=font)
    pdf = HTML(string=html).write_pdf(font_config=FontConfiguration())
    assert isinstance(pdf, bytes)
    return pdf


def _font(name: str) -> Path:
    for folder in _font_folders():
        for file in sorted(folder.rglob(name)):
            return file
    raise ServiceUnavailable(
        _("the font {name} is missing: a sheet without it would lack Vietnamese letters; "
          "apt-get install fonts-croscore").format(name=name)
    )  # fmt: skip


def _font_folders() -> list[Path]:
    """Where fonts lie, by the XDG base directories."""
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    shared = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    return [folder for base in (home, *shared.split(":")) if (folder := Path(base) / "fonts").is_dir()]

"""Cover sheets and labels: what their code says, and which pages of a scan are such sheets.

A cover sheet is laid between the papers of a stack; it says what follows and is never a page of a record. A label is
stuck on the first page of a paper, and that page is one. Both bear a QR code of this text, its fields parted by ``|``::

    SOHOA1|S|H29.17-230815-0001|1.001193|H29.17|result|37

``SOHOA1``  name and version of this form; a reader takes no version that it does not know
``S``       a sheet; ``L`` a label
dossier     the dossier's code
procedure   the procedure's code
unit        the unit's code
kind        ``result``, ``component`` or ``copy``
check       two digits: p = 0; p = (10 p + ASCII code) mod 97 for each character before the last ``|``. No single
            changed character and no two neighbours exchanged go unseen, as 97 is prime and greater than the 95
            characters of printable ASCII.

The four fields may be empty and hold at most 64 letters, digits and ``. - _ / : +``, so that nothing needs quoting.

A sheet that names a dossier says all there is to say of what lies behind it; one that names none adds to what stands.
Codes of others part a stack too: ``PATCHT`` and its like in any symbology, as patch sheets bear them, and a dossier's
code on a page with hardly any text beside it, as one-stop software prints them.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from schemas.documents import Kind, Sheet
from schemas.errors import SettingsRejected
from schemas.language import _
from schemas.pages import Code, PageText

VERSION = "SOHOA1"
FIELD = re.compile(r"[A-Za-z0-9.\-_/:+]{0,64}")
OURS = re.compile(r"SOHOA\d+\|")
SEPARATOR = re.compile(r"PATCH[ -]?(?:[1-6T]|CODE[ -]?[1-6T])|(?:[A-Z]+[ -])?NEXTDOC|SEPARATOR|DOCUMENT[ -]SEPARATOR")
"""What patch sheets and separators of scanning programs say, in full."""
DOSSIER = re.compile(r"(?:[HG]\d{2}(?:\.\d{1,4})*|(?:\d{2,3}\.)+[HG]\d{2})-\d{6}-\d{4,7}")
"""A dossier's code: agency, six digits of the date, serial; the agency's in the older or the newer order."""
FEW_WORDS = 40
"""A separator of others bears no more beside its code; the slip that a citizen keeps bears more than 100."""
LARGE = 0.2
"""The code of a separator is at least as wide as this share of the page; a sticker's is not."""


class Form(StrEnum):
    SHEET = "S"
    LABEL = "L"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a page's code says of the stack; ``sure`` is false where the code contradicts itself or is damaged."""

    form: Form
    sheet: Sheet
    sure: bool = True


def write(sheet: Sheet, form: Form = Form.SHEET) -> str:
    """The text of the code. SettingsRejected names the field that a code cannot hold."""
    named = {"dossier": sheet.dossier, "procedure": sheet.procedure, "unit": sheet.unit}
    for name, value in named.items():
        if not FIELD.fullmatch(value):
            raise SettingsRejected(
                _("--{name} {value}: a code holds at most 64 letters without marks, digits and . - _ / : +").format(
                    name=name, value=value
                )
            )
    said = "|".join([VERSION, form, sheet.dossier, sheet.procedure, sheet.unit, sheet.kind or ""])
    return f"{said}|{_check(said)}"


def parse(text: str) -> Mark | None:
    """What a code's text says; None where it is no code of ours. A damaged one, or one of a version not known, parts
    the stack and says nothing else, unsurely."""
    if not OURS.match(text):
        return None
    said, _bar, check = text.rpartition("|")
    parts = said.split("|")
    damaged = Mark(Form.LABEL if parts[1:2] == [Form.LABEL] else Form.SHEET, Sheet(), sure=False)
    if check != _check(said) or parts[0] != VERSION or len(parts) != 6 or parts[1] not in list(Form):
        return damaged
    form, dossier, procedure, unit, kind = parts[1:]
    if kind and kind not in list(Kind):
        return damaged
    return Mark(Form(form), Sheet(dossier, procedure, unit, Kind(kind) if kind else None))


def mark_of(page: PageText) -> Mark | None:
    """The page as a cover sheet or a labelled first page; None where its codes do not part the stack."""
    ours = {mark for code in page.codes if (mark := parse(code.text.strip())) is not None}
    if len(ours) == 1:
        return ours.pop()
    if ours:  # two sheets on the glass, labels of two papers on one page: somebody must look
        form = Form.LABEL if any(mark.form is Form.LABEL for mark in ours) else Form.SHEET
        return Mark(form, Sheet(), sure=False)
    said = {code.text.strip().upper() for code in page.codes}
    if any(SEPARATOR.fullmatch(text) for text in said):
        return Mark(Form.SHEET, Sheet())
    dossiers = {code.text.strip() for code in page.codes if DOSSIER.fullmatch(code.text.strip()) and _large(code)}
    if len(dossiers) == 1 and sum(len(line.words) for line in page.lines) <= FEW_WORDS:
        return Mark(Form.SHEET, Sheet(dossier=dossiers.pop()))
    return None


def laid_on(standing: Sheet, sheet: Sheet) -> Sheet:
    """What holds after *sheet* where *standing* held before it."""
    if sheet.dossier:
        return sheet
    return Sheet(
        standing.dossier,
        sheet.procedure or standing.procedure,
        sheet.unit or standing.unit,
        sheet.kind or standing.kind,
    )


def _large(code: Code) -> bool:
    return max(code.box.width, code.box.height) >= LARGE


def _check(said: str) -> str:
    rest = 0
    for letter in said:
        rest = (10 * rest + ord(letter)) % 97
    return f"{rest:02d}"

"""The report as PDF, laid out as an agency's report (NĐ 30/2020, Phụ lục I), from the figures of the page.

The number, the signer's name and the seal are left open: the agency gives them. The file is PDF/A-2b, so that it can be
signed and kept.
"""

from datetime import date
from typing import Any

from reports.page import _templates, figures
from reports.progress import Progress
from schemas.language import _, language


def render_pdf(report: Progress, *, agency: str = "", place: str = "", made_on: date | None = None) -> bytes:
    """The report as PDF; *agency* stands at its head, *place* and *made_on* (default: the report's day) in its date."""
    from weasyprint import HTML

    page = _templates().get_template("paper.html.j2").render(
        figures(report) | {
            "agency": (agency or _("(AGENCY)")).upper(),
            "kind": _("REPORT"),
            "place_and_day": _place_and_day(place, made_on or report.as_of),
        }
    )  # fmt: skip
    pdf = HTML(string=page, url_fetcher=_nothing_from_outside).write_pdf(pdf_variant="pdf/a-2b")
    assert isinstance(pdf, bytes)
    return pdf


def _place_and_day(place: str, when: date) -> str:
    if language() == "en":
        return f"{place}, {when:%d %B %Y}" if place else f"{when:%d %B %Y}"
    # NĐ 30/2020: days below 10 and the months 1 and 2 with a zero before them
    month = f"{when.month:02d}" if when.month < 3 else str(when.month)
    text = f"ngày {when.day:02d} tháng {month} năm {when.year}"
    return f"{place or '……'}, {text}"


def _nothing_from_outside(url: str, *_args: Any, **_more: Any) -> Any:
    raise ValueError(f"a report asks for nothing from outside: {url}")

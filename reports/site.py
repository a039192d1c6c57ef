"""The report as a static site: a page for the city, for each level and each unit, and ``data.json`` with its schema.

The list of the city asks units to publish their rates and keep them current (targets for 2023, points 3.4 and 6). The
pages link to each other only; they ask nothing of any other server.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from reports.document import SCHEMA_FILE, render_json
from reports.page import _templates, figures
from reports.progress import NOTHING, Progress
from reports.words import level_name
from schemas.language import _
from schemas.units import Level


def render_site(report: Progress) -> Iterator[tuple[str, bytes]]:
    """Each file of the site: its path, and what it holds. Not published: operators' names, and what waits in review."""
    report = replace(report, made=(), waiting=None)
    yield "data.json", render_json(report)
    yield "progress.schema.json", SCHEMA_FILE.read_bytes()
    levels = [level.level for level in report.levels]
    whole_city = [(_("The whole city"), "index.html"), *((level_name(level), f"{level}.html") for level in levels)]
    yield "index.html", _page(report, whole_city, "index.html")
    for level in levels:
        yield f"{level}.html", _page(_only(report, level), whole_city, f"{level}.html")
    for unit in report.units:
        way = [*whole_city, (unit.full_name, page_name(unit.unit.code))]
        alone = replace(_only(report, unit.unit.level), units=(unit,))
        yield page_name(unit.unit.code), _page(alone, way, page_name(unit.unit.code), of_unit=True)


def page_name(code: str) -> str:
    """The file of a unit's page; a code holds letters, digits and dots, and anything else is written as its number."""
    return (
        "unit-" + "".join(c if c.isascii() and (c.isalnum() or c in ".-") else f"_{ord(c):x}" for c in code) + ".html"
    )


def _only(report: Progress, level: Level) -> Progress:
    return replace(
        report,
        levels=tuple(one for one in report.levels if one.level is level),
        units=tuple(one for one in report.units if one.unit.level is level),
        homeless=NOTHING,
        compared=None,
        procedures=(),
        fields=(),
    )


def _page(report: Progress, way: list[tuple[str, str]], here: str, *, of_unit: bool = False) -> bytes:
    shown: dict[str, Any] = figures(report, of_unit=of_unit, link=page_name)
    shown |= {"way": [(name, None if page == here else page) for name, page in way]}
    return _templates().get_template("page.html.j2").render(shown).encode()

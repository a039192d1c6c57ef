"""The report as one HTML page: no outside request, drawings inline, for paper, telephones and screen readers too.

Headings in order, tables with scopes and captions, text at 7 : 1 contrast or better, and no meaning in colour alone
(WCAG 2.2 AA). The PDF is made from the same figures.
"""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from reports.progress import Against, Count, LevelProgress, Progress, UnitProgress, WeekPoint
from reports.terminal import notes
from reports.words import (
    day,
    gain,
    level_name,
    needed,
    percent,
    points,
    projected,
    share,
    tenths_down,
    verdict,
    whole,
)
from schemas.language import _, language
from schemas.units import Level

BEHIND_SHOWN = 10
LINE_WIDTH, LINE_HEIGHT = 280, 90
BAR_WIDTH, BAR_HEIGHT = 120, 12


def render_html(report: Progress) -> bytes:
    """The report as a page."""
    return _templates().get_template("page.html.j2").render(figures(report)).encode()


def figures(report: Progress, *, of_unit: bool = False, link: Callable[[str], str] | None = None) -> dict[str, Any]:
    """Everything the templates show, as text in the reader's language.

    *of_unit*: the report is of its one unit, shown as the level is otherwise. *link*: a unit's code → its page, on a
    site that is published; what only the office can act on is left out of that.
    """
    published = link is not None
    return {
        "lang": language(),
        "title": f"{report.units[0].full_name}: {title(report)}" if of_unit else title(report, published=published),
        "subtitle": _("As of the end of {day}. Rates are rounded down.").format(day=day(report.as_of)),
        "word": {
            "levels": _("The three levels against their targets")
                      if len(report.levels) == len(Level) else _("Against the target"),
            "way": _("Pages"),
            "behind": _("Furthest behind"),
            "how": _("How it is counted"),
            "recipients": "Nơi nhận:",
            "recipient": "Như trên" if language() == "vi" else "As above",
            "file": "Lưu: VT",
            "signer": _("HEAD OF THE AGENCY"),
        },
        "how": how(published=published),
        "levels": [_alone(report.units[0])] if of_unit else [_level(one) for one in report.levels],
        "notes": notes(report, published=published),
        "since": _("Since {day}").format(day=day(report.compared.as_of)) if report.compared else "",
        "since_head": [
            (_("Level"), ""), (_("Rate then"), "n"), (_("Rate now"), "n"), (_("Digitised"), "n"), (_("In force"), "n"),
        ],
        "since_rows": [
            {"name": level_name(level.level), "then": percent(then.hundredths),
             "now": percent(level.now.count.hundredths), "done": week(level.now.count, then),
             "rows": gain(level.now.count.rows - then.rows)}
            for level, then in report.since()
        ],
        "procedures": _("By procedure"),
        "procedures_head": [
            (_("Procedure"), ""), (_("Name"), ""), (_("Field"), ""), (_("Rate"), "n"), (_("Digitised"), "n"),
            (_("In force"), "n"),
        ],
        "procedures_rows": [
            {"code": one.code or _("(none given)"), "name": one.name or "–", "field": one.field or "–",
             **_rate(one.count)}
            for one in report.procedures
        ],
        "fields": _("By field"),
        "fields_head": [(_("Field"), ""), (_("Rate"), "n"), (_("Digitised"), "n"), (_("In force"), "n")],
        "fields_rows": [{"name": name or _("(none given)"), **_rate(count)} for name, count in report.fields],
        **_weeks([(one.full_name, one.line) for one in report.units] if of_unit
                 else [(level_name(one.level), one.line) for one in report.levels]),
        "made": _("By operator and batch"),
        "made_head": [(_("Operator"), ""), (_("Batch"), ""), (_("Begun"), ""), (_("Records"), "n")],
        "made_rows": [
            {"operator": one.operator, "batch": one.batch, "begun": day(one.started_on), "records": whole(one.records)}
            for one in report.made
        ],
        "behind": [] if of_unit else [_unit(one, link) for one in report.furthest_behind()[:BEHIND_SHOWN]],
        "behind_head": [
            (_("Unit"), ""), (_("Level"), ""), (_("Rate"), "n"), (_("Target"), "n"), (_("Points short"), "n"),
            (_("Still to do"), "n"), (_("Needed a day"), "n"), (_("In a week (points)"), "n"),
            (_("Met at this pace"), "met"),
        ],
        "unit_head": [
            (_("Code"), ""), (_("Unit"), ""), (_("Rate"), "n"), (_("Chart"), ""), (_("Target"), "n"),
            (_("Result"), "result"), (_("Digitised"), "n"), (_("In force"), "n"), (_("Still to do"), "n"),
            (_("In a week (points)"), "n"),
        ],
        "groups": [] if of_unit else [_group(report, one, link) for one in report.levels if one.units],
        "way": (),
    }  # fmt: skip


def title(report: Progress, *, published: bool = False) -> str:
    """What the report is about; on a site, where pages are told apart by their titles, of which level."""
    text = _("Digitisation of results of administrative procedures still in force")
    if published and len(report.levels) == 1:
        text = f"{level_name(report.levels[0].level)}: {text}"
    return text if not report.procedure else f"{text}, {_('procedure {code}').format(code=report.said_procedure)}"


def how(*, published: bool = False) -> list[str]:
    """The rules of the count, for whoever checks it; *published*: without what only the office can do."""
    rules = [
        _("Rate: results in force on the day that have an archived, signed, intact digital record, over all results in "
          "force on that day. A result digitised twice counts once; a copy never counts."),
        _("A level's rate is the sum over its units, not the mean of their rates. Without results in force there is no "
          "data: neither 0% nor 100%."),
        _("Pace: the mean of the last four weeks; in brackets the quickest and the slowest of them."),
    ]  # fmt: skip
    if not published:
        rules[-1] += " " + _("Row by row: `sohoa report --why UNIT`.")
    return rules


def _rate(count: Count) -> dict[str, str]:
    return {"rate": percent(count.hundredths), "done": whole(count.done), "rows": whole(count.rows)}


def _weeks(lines: Sequence[tuple[str, Sequence[WeekPoint]]]) -> dict[str, Any]:
    """The weekly lines as a table, which says what the drawings show; no rows where there is no data in any week."""
    known = [(name, line) for name, line in lines if any(point.count.rows for point in line)]
    return {
        "weeks": _("Week by week"),
        "weeks_day": _("Day"),
        "weeks_names": [name for name, _line in known],
        "weeks_head": [_("Rate"), _("Digitised"), _("In force")] * len(known),
        "weeks_rows": [
            {"day": day(points[0].day), "cells": [text for point in points for text in (
                percent(point.count.hundredths), whole(point.count.done), whole(point.count.rows))]}
            for points in zip(*(line for _name, line in known), strict=True)
        ],
    }  # fmt: skip


def _level(one: LevelProgress) -> dict[str, Any]:
    now = one.now
    facts = [
        (_("Digitised / in force"), f"{whole(now.count.done)} / {whole(now.count.rows)}"),
        (_("Still to do"), "–" if now.left is None else whole(now.left)),
        (_("In a week (points)"), week(now.count, one.week_ago)),
        (_("Present pace a day"), tenths_down(one.outlook.pace_a_day)),
        (_("Needed a day until {day}").format(day=day(one.outlook.due)), needed(one.outlook)),
        (_("Met at this pace"), "–" if now.left is None else projected(one.outlook)),
        (_("Units reached"), _("{reached} of {with_data} with data ({units} units)").format(
            reached=one.reached, with_data=one.with_data, units=one.units)),
    ]  # fmt: skip
    return _standing(now) | {
        "name": level_name(one.level),
        "against": _against(now),
        "line": weekly_line(one.line, now),
        "facts": facts,
    }


def _alone(one: UnitProgress) -> dict[str, Any]:
    now = one.now
    facts = [
        (_("Digitised / in force"), f"{whole(now.count.done)} / {whole(now.count.rows)}"),
        (_("Still to do"), "–" if now.left is None else whole(now.left)),
        (_("In a week (points)"), week(now.count, one.week_ago)),
        (_("Present pace a day"), tenths_down(one.outlook.pace_a_day)),
        (_("Needed a day until {day}").format(day=day(one.outlook.due)), needed(one.outlook)),
        (_("Met at this pace"), "–" if now.left is None else projected(one.outlook)),
    ]  # fmt: skip
    return _standing(now) | {
        "name": f"{one.full_name} ({one.unit.code})",
        "against": _against(now),
        "line": weekly_line(one.line, now),
        "facts": facts,
    }


def _against(now: Against) -> str:
    if now.target is None:
        return _("no target set")
    return _("target {share} ({year})").format(share=share(now.target), year=now.year)


def _unit(one: UnitProgress, link: Callable[[str], str] | None = None) -> dict[str, Any]:
    now = one.now
    return _standing(now) | {
        "code": one.unit.code, "name": one.full_name, "level": level_name(one.unit.level), "target": share(now.target),
        "bar": bar(now), "done": whole(now.count.done), "rows": whole(now.count.rows),
        "left": "–" if now.left is None else whole(now.left), "week": week(now.count, one.week_ago),
        "missing": points(now.missing_hundredths or 0).lstrip("+±"), "needed": needed(one.outlook),
        "projected": projected(one.outlook), "page": link(one.unit.code) if link is not None else "",
    }  # fmt: skip


def _standing(now: Against) -> dict[str, str]:
    return {
        "rate": percent(now.count.hundredths),
        "verdict": verdict(now),
        "tone": {True: "good", False: "short", None: "dim"}[now.reached],
        "sign": {True: "✓ ", False: "✗ ", None: ""}[now.reached],
    }


def _group(report: Progress, level: LevelProgress, link: Callable[[str], str] | None) -> dict[str, Any]:
    of_level = [one for one in report.units if one.unit.level is level.level]
    empty = [f"{one.full_name} ({one.unit.code})" for one in of_level if not one.now.count.rows]
    return {
        "name": _("{level}: every unit").format(level=level_name(level.level)),
        "caption": _("{reached} of {with_data} units with data have reached their target").format(
            reached=level.reached, with_data=level.with_data),
        "units": [_unit(one, link) for one in of_level if one.now.count.rows],
        "no_data": _("Without data ({count}): {names}.").format(count=len(empty), names="; ".join(empty))
                   if empty else "",
    }  # fmt: skip


def week(now: Count, before: Count) -> str:
    """The change in a week: results, and percentage points where both days have a rate."""
    text = gain(now.done - before.done)
    if now.hundredths is None or before.hundredths is None:
        return text
    return f"{text} ({points(now.hundredths - before.hundredths)})"


def bar(now: Against) -> Markup:
    """A rate as a bar, its target as a stroke; the figures stand beside it, so screen readers pass it over."""
    filled = min(now.count.hundredths or 0, 10_000) * BAR_WIDTH // 10_000
    colour = "#17663a" if now.reached else "#b35900"
    stroke = ""
    if now.target is not None:
        x = float(now.target) * BAR_WIDTH
        stroke = f'<path d="M{x:.1f} 0V{BAR_HEIGHT}" stroke="#000" stroke-width="2"/>'
    return Markup(
        f'<svg viewBox="0 0 {BAR_WIDTH} {BAR_HEIGHT}" width="{BAR_WIDTH}" height="{BAR_HEIGHT}" aria-hidden="true">'
        f'<rect width="{BAR_WIDTH}" height="{BAR_HEIGHT}" fill="#dfe3e6"/>'
        f'<rect width="{filled}" height="{BAR_HEIGHT}" fill="{colour}"/>{stroke}</svg>'
    )


def weekly_line(line: tuple[WeekPoint, ...], now: Against) -> Markup:
    """The rate week by week with the target across; weeks without data are left out."""
    known = [(index, point) for index, point in enumerate(line) if point.count.rows]
    if len(known) < 2:
        return Markup("")
    rates = [(point.count.hundredths or 0) / 10_000 for _index, point in known]
    top = max(*rates, float(now.target or 0), 0.01) * 1.15
    left, bottom = 4, LINE_HEIGHT - 16

    def place(index: int, rate: float) -> str:
        x = left + index * (LINE_WIDTH - 2 * left) / (len(line) - 1)
        return f"{x:.1f},{bottom - rate / top * (bottom - 4):.1f}"

    path = " ".join(place(index, rate) for (index, _point), rate in zip(known, rates, strict=True))
    label = _("Week by week from {first} ({first_rate}) to {last} ({last_rate}), target {target}").format(
        first=day(known[0][1].day), first_rate=percent(known[0][1].count.hundredths), last=day(known[-1][1].day),
        last_rate=percent(known[-1][1].count.hundredths), target=share(now.target),
    )  # fmt: skip
    target = ""
    if now.target is not None:
        y = float(place(0, float(now.target)).split(",")[1])
        beside = y - 3 if rates[0] < float(now.target) else y + 11  # on the side where the rates are not
        target = (
            f'<path d="M{left} {y:.1f}H{LINE_WIDTH - left}" stroke="#000" stroke-dasharray="5 3"/>'
            f'<text x="{left}" y="{beside:.1f}" font-size="10">{escape(share(now.target))}</text>'
        )
    end = place(known[-1][0], rates[-1]).split(",")
    return Markup(
        f'<svg viewBox="0 0 {LINE_WIDTH} {LINE_HEIGHT}" width="{LINE_WIDTH}" height="{LINE_HEIGHT}" role="img" '
        f'aria-label="{escape(label)}"><path d="M{left} {bottom}H{LINE_WIDTH - left}" stroke="#767676"/>{target}'
        f'<polyline points="{path}" fill="none" stroke="#1b4f9c" stroke-width="2.5"/>'
        f'<circle cx="{end[0]}" cy="{end[1]}" r="3.5" fill="#1b4f9c"/>'
        f'<text x="{left}" y="{LINE_HEIGHT - 3}" font-size="10">{escape(day(line[0].day))}</text>'
        f'<text x="{LINE_WIDTH - left}" y="{LINE_HEIGHT - 3}" font-size="10" text-anchor="end">'
        f"{escape(day(line[-1].day))}</text></svg>"
    )


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

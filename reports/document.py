"""The report as JSON, versioned: ``progress.schema.json`` beside this file is its JSON Schema.

Shares are exact (numerator and denominator); the percentages beside them are rounded down to hundredths and are texts,
so that no reader rounds them up again.
"""

import json
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from reports.progress import Against, Count, LevelProgress, Outlook, Progress, UnitProgress, WeekPoint
from schemas.units import Level

SCHEMA = "sohoa-progress/1"
SCHEMA_FILE = Path(__file__).with_name("progress.schema.json")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RateOut(_Part):
    """Results in force, those with a record, and their share."""

    in_force: int = Field(ge=0)
    digitised: int = Field(ge=0)
    percent: str | None = Field(pattern=r"^\d+\.\d\d$", description="Rounded down; null: no data.")


class ShareOut(_Part):
    numerator: int = Field(gt=0)
    denominator: int = Field(gt=0)
    year: int


class PointOut(_Part):
    day: date
    in_force: int
    digitised: int


class FiguresOut(_Part):
    """What a unit and a level have in common."""

    now: RateOut
    week_ago: RateOut
    target: ShareOut | None
    reached: bool | None = Field(description="null: no data, or no target.")
    still_to_do: int | None
    missing_points: str | None = Field(description="Percentage points short of the target, rounded up.")
    due: date
    needed_a_day: str | None = Field(description="Exact, as a fraction.")
    pace_a_day: str = Field(description="Exact, as a fraction: the mean of the last four weeks.")
    met_on: date | None = Field(description="At the present pace; null: not at this pace, or nothing to say.")
    met_earliest: date | None
    met_latest: date | None
    weeks: tuple[PointOut, ...]


class LevelOut(FiguresOut):
    level: Level
    units: int
    units_with_data: int
    units_reached: int


class UnitOut(FiguresOut):
    code: str
    name: str
    level: Level
    parent: str | None


class WaitingOut(_Part):
    count: int
    oldest: date | None


class ProcedureOut(_Part):
    procedure: str
    name: str | None = Field(description="As it is called on the day; null: not known.")
    field: str | None
    now: RateOut


class FieldOut(_Part):
    """The procedures of one field (lĩnh vực) together."""

    field: str | None = Field(description="null: procedures of which no field is known.")
    now: RateOut


class MadeOut(_Part):
    operator: str
    batch: str
    started_on: date
    records: int


class ProgressOut(_Part):
    """Progress against the targets as of the end of a day in Vietnam."""

    form: Literal["sohoa-progress/1"] = Field(alias="schema", default="sohoa-progress/1")
    as_of: date
    procedure: str | None
    procedure_name: str | None
    levels: tuple[LevelOut, ...]
    units: tuple[UnitOut, ...]
    without_unit: RateOut = Field(description="Results in force whose unit no longer stands; in no rate.")
    waiting: WaitingOut | None
    procedures: tuple[ProcedureOut, ...] = Field(default=(), description="With --details.")
    fields: tuple[FieldOut, ...] = Field(default=(), description="With --details, where any field is known.")
    made: tuple[MadeOut, ...] = Field(default=(), description="By operator and batch, with --details.")
    compared: "ProgressOut | None" = None


def to_document(report: Progress) -> ProgressOut:
    """The report as the value that is written as JSON."""
    return ProgressOut(
        as_of=report.as_of,
        procedure=report.procedure or None,
        procedure_name=report.procedure_name or None,
        levels=tuple(_level(one) for one in report.levels),
        units=tuple(_unit(one) for one in report.units),
        without_unit=_rate(report.homeless),
        waiting=WaitingOut(count=report.waiting.count, oldest=report.waiting.oldest) if report.waiting else None,
        procedures=tuple(
            ProcedureOut(procedure=one.code, name=one.name or None, field=one.field or None, now=_rate(one.count))
            for one in report.procedures
        ),
        fields=tuple(FieldOut(field=name or None, now=_rate(count)) for name, count in report.fields),
        made=tuple(
            MadeOut(operator=one.operator, batch=one.batch, started_on=one.started_on, records=one.records)
            for one in report.made
        ),
        compared=to_document(report.compared) if report.compared else None,
    )


def render_json(report: Progress) -> bytes:
    """The report as JSON text."""
    return (to_document(report).model_dump_json(by_alias=True, indent=1) + "\n").encode()


def schema_text() -> str:
    """The JSON Schema that ``progress.schema.json`` holds."""
    schema = ProgressOut.model_json_schema(by_alias=True, mode="serialization")
    return json.dumps(schema, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def percent_text(hundredths: int | None) -> str | None:
    """Hundredths of a per cent with a point: the form of every machine-read file."""
    return None if hundredths is None else f"{hundredths // 100}.{hundredths % 100:02d}"


def _rate(count: Count) -> RateOut:
    return RateOut(in_force=count.rows, digitised=count.done, percent=percent_text(count.hundredths))


def _figures(now: Against, week_ago: Count, outlook: Outlook, line: tuple[WeekPoint, ...]) -> dict[str, Any]:
    return {
        "now": _rate(now.count),
        "week_ago": _rate(week_ago),
        "target": None if now.target is None or now.year is None
                  else ShareOut(numerator=now.target.numerator, denominator=now.target.denominator, year=now.year),
        "reached": now.reached,
        "still_to_do": now.left,
        "missing_points": percent_text(now.missing_hundredths),
        "due": outlook.due,
        "needed_a_day": _exact(outlook.needed_a_day),
        "pace_a_day": str(outlook.pace_a_day),
        "met_on": outlook.day,
        "met_earliest": outlook.earliest,
        "met_latest": outlook.latest,
        "weeks": tuple(PointOut(day=p.day, in_force=p.count.rows, digitised=p.count.done) for p in line),
    }  # fmt: skip


def _level(one: LevelProgress) -> LevelOut:
    return LevelOut(
        **_figures(one.now, one.week_ago, one.outlook, one.line),
        level=one.level, units=one.units, units_with_data=one.with_data, units_reached=one.reached,
    )  # fmt: skip


def _unit(one: UnitProgress) -> UnitOut:
    return UnitOut(
        **_figures(one.now, one.week_ago, one.outlook, one.line),
        code=one.unit.code, name=one.unit.name, level=one.unit.level, parent=one.unit.parent,
    )  # fmt: skip


def _exact(value: Fraction | None) -> str | None:
    return None if value is None else str(value)

"""What a scan's folder and a manifest beside it say of its papers, checked against what the cover sheet says."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from archive.rowfiles import Column, cell_text, fold
from ingest.fencedrows import open_fenced_rows
from schemas.documents import Kind, Sheet
from schemas.errors import InputRejected, SettingsRejected
from schemas.fieldwords import kind_label
from schemas.language import _

PARTS = ("unit", "procedure", "dossier")
COLUMNS = (
    Column("file", ("file", "scan", "tep", "tep quet", "ten tep"), required=True),
    Column("unit", ("unit", "don vi", "ma don vi")),
    Column("procedure", ("procedure", "thu tuc", "ma thu tuc")),
    Column("dossier", ("dossier", "ho so", "ma ho so")),
    Column("kind", ("kind", "loai", "loai giay to")),
)
KINDS = {"result": Kind.RESULT, "ket qua": Kind.RESULT, "component": Kind.COMPONENT, "thanh phan": Kind.COMPONENT,
         "thanh phan ho so": Kind.COMPONENT, "copy": Kind.COPY, "ban sao": Kind.COPY}  # fmt: skip
NOTHING = Sheet()


@dataclass(frozen=True, slots=True)
class Labels:
    """What the places of scans say; made before the batch by ``labels_of``."""

    by_file: Mapping[Path, Sheet]
    roots: tuple[Path, ...] = ()
    pattern: re.Pattern[str] | None = None
    made_from: Mapping[Path, Path] = field(default_factory=dict)
    """Where the scans lie that others were put together from: those speak for them."""

    def of(self, scan: Path) -> tuple[Sheet, Sheet]:
        """What the manifest says of *scan*, and what its folder says; empty where they say nothing."""
        place = self.made_from.get(scan, scan)
        return self.by_file.get(place, NOTHING), self._of_folder(place)

    def _of_folder(self, scan: Path) -> Sheet:
        for root in self.roots if self.pattern is not None else ():
            if scan.is_relative_to(root):
                assert self.pattern is not None
                found = self.pattern.match(scan.relative_to(root).as_posix())
                if found:
                    told: dict[str, str] = found.groupdict()
                    return Sheet(told.get("dossier", ""), told.get("procedure", ""), told.get("unit", ""))
        return NOTHING


NO_LABELS = Labels({})


def labels_of(paths: Sequence[Path], pattern: str, manifest: str) -> Labels:
    """The labels of all scans below *paths*: *pattern* is like ``{unit}/{procedure}/{dossier}``, *manifest* the name of
    a CSV or XLSX file that may lie in any of the folders. Both may be empty.

    SettingsRejected for a pattern that says nothing; InputRejected for a manifest that cannot be read, naming the row.
    """
    roots = tuple(path for path in paths if path.is_dir())
    by_file: dict[Path, Sheet] = {}
    for file in manifests(paths, manifest):
        by_file.update(_manifest(file))
    return Labels(by_file, roots, _compiled(pattern) if pattern else None)


def manifests(paths: Sequence[Path], name: str) -> list[Path]:
    """The files called *name* in the folders of *paths* and below them."""
    return [file for path in paths if name and path.is_dir() for file in sorted(path.rglob(name))]


def combined(sheet: Sheet, manifest: Sheet, folder: Sheet) -> tuple[Sheet, tuple[str, ...]]:
    """What the three say together, the cover sheet first; and each contradiction among them, as a reason to hold."""
    whole = sheet
    reasons: list[str] = []
    for name in (*PARTS, "kind"):
        said = {_("the cover sheet"): getattr(sheet, name), _("the manifest"): getattr(manifest, name),
                _("the folder"): getattr(folder, name)}  # fmt: skip
        values = {source: value for source, value in said.items() if value}
        if values and not getattr(whole, name):
            whole = replace(whole, **{name: next(iter(values.values()))})
        if len(set(values.values())) > 1:
            told = ", ".join(f"{source}: {_in_words(value)}" for source, value in values.items())
            reasons.append(_("{name} is said in different ways ({told})").format(name=_part(name), told=told))
    return whole, tuple(reasons)


def _in_words(value: str | Kind) -> str:
    return kind_label(value) if isinstance(value, Kind) else value


def _part(name: str) -> str:
    return {"unit": _("unit"), "procedure": _("procedure"), "dossier": _("dossier"), "kind": _("kind")}[name]


def _compiled(pattern: str) -> re.Pattern[str]:
    parts = pattern.strip("/").split("/")
    named = [part[1:-1] for part in parts if part.startswith("{") and part.endswith("}")]
    if not named or not set(named) <= set(PARTS) or len(set(named)) < len(named):
        raise SettingsRejected(
            _("intake.folders = {pattern}: name folders as {{unit}}, {{procedure}} and {{dossier}}, each once").format(
                pattern=pattern
            )
        )
    steps = [f"(?P<{part[1:-1]}>[^/]+)" if part[1:-1] in named else _literal(part) for part in parts]
    return re.compile("/".join(steps) + "/")


def _literal(part: str) -> str:
    return "[^/]+" if part == "*" else re.escape(part)


def _manifest(file: Path) -> dict[Path, Sheet]:
    rows: dict[Path, Sheet] = {}
    with open_fenced_rows(file, COLUMNS) as opened:
        for line, cells in opened.rows:
            told = {name: cell_text(cells[at]) if at < len(cells) else "" for name, at in opened.places.items()}
            if not told["file"]:
                continue
            scan = file.parent / told.pop("file")
            kind = told.pop("kind", "")
            if kind and fold(kind) not in KINDS:
                raise InputRejected(
                    _("{file}, row {row}: {value} is no kind of paper; write result, component or copy").format(
                        file=file, row=line, value=kind
                    )
                )
            if not scan.is_file():
                raise InputRejected(
                    _("{file}, row {row}: there is no scan {value} beside it").format(
                        file=file, row=line, value=scan.name
                    )
                )
            rows[scan] = replace(NOTHING, **told, kind=KINDS.get(fold(kind)))
    return rows

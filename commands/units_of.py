"""Which units a searcher means: by code, by name, by level; from the catalogue's units."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from commands.workspace import Workspace
from schemas.errors import InputRejected
from schemas.language import _
from schemas.units import Level, Unit
from search.folding import folded
from search.query import OfUnit, Query


@dataclass(frozen=True, slots=True)
class UnitsOf:
    """The units known to the catalogue; none before they are imported."""

    units: Sequence[Unit]

    def named(self, given: str) -> frozenset[str]:
        """Codes meant by *given*, a code or a name (marks or none), with the units below; *given* itself if unknown."""
        wanted = folded(given)
        found = {unit.code for unit in self.units if wanted in (folded(unit.code), folded(unit.name))}
        while below := {unit.code for unit in self.units if unit.parent in found} - found:
            found |= below
        return frozenset(found or {given})

    def at_level(self, level: Level) -> frozenset[str]:
        """Codes of a level's units. InputRejected when no unit of it is known."""
        found = frozenset(unit.code for unit in self.units if unit.level is level)
        if not found:
            raise InputRejected(_("no unit of this level is known; import them: sohoa units import FILE"))
        return found

    def by_level(self, counts: Mapping[str, int]) -> dict[str, int]:
        """Counts by unit summed to levels; units that are not known are left out."""
        level_of = {unit.code: unit.level.value for unit in self.units}
        summed: Counter[str] = Counter()
        for code, count in counts.items():
            if code in level_of:
                summed[level_of[code]] += count
        return dict(summed.most_common())

    def query(self, codes: Iterable[str]) -> Query:
        return OfUnit(frozenset(codes))


def units_of(workspace: Workspace) -> UnitsOf:
    """The units of the workspace's catalogue."""
    from archive.inventory import Register

    return UnitsOf(tuple(Register(workspace.catalogue.engine).units()))

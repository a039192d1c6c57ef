"""Who may import whom (the design, section 4), read from the sources: an import that breaks it is named."""

import ast
from pathlib import Path

import pytest

import cli

TOP = Path(cli.__file__).parent
ALLOWED = {
    "schemas": set[str](),
    "archive": {"schemas"},
    "search": {"schemas"},
    "reports": {"schemas"},
    "ingest": {"schemas", "archive"},
    "samples": {"schemas", "ingest"},
    "commands": {"schemas", "archive", "search", "reports", "ingest", "samples", "cli"},
    "cli": {"schemas", "commands"},
}


def imports(text: str, module: str) -> set[tuple[int, str]]:
    """Line and full name of everything that *text*, the source of *module*, imports, wherever the import stands."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                found |= {(node.lineno, alias.name) for alias in names}
            case ast.ImportFrom(module=name, level=level):
                package = module.split(".")[:-level] if level else []
                found.add((node.lineno, ".".join((*package, name or ""))))
    return found


def sources(layer: str) -> list[Path]:
    return [TOP / "cli.py"] if layer == "cli" else sorted((TOP / layer).rglob("*.py"))


def dotted(source: Path) -> str:
    return ".".join(source.relative_to(TOP).with_suffix("").parts)


@pytest.mark.parametrize("layer", ALLOWED)
def test_a_layer_imports_only_what_lies_below_it(layer: str) -> None:
    assert sources(layer), f"{layer} has no module"
    ours = set(ALLOWED) | {"tests", "bench"}
    broken = [
        f"{source.relative_to(TOP)}:{line} imports {name}"
        for source in sources(layer)
        for line, name in sorted(imports(source.read_text(encoding="utf-8"), dotted(source)))
        if name.split(".")[0] in ours - ALLOWED[layer] - {layer}
    ]
    assert broken == []


def test_an_import_inside_a_function_and_a_relative_one_are_seen() -> None:
    text = "def f():\n    from ingest.pages import x\nfrom . import y\nfrom ..archive import z\nimport reports.a\n"
    assert imports(text, "search.plan.deep") == {
        (2, "ingest.pages"), (3, "search.plan."), (4, "search.archive"), (5, "reports.a"),
    }  # fmt: skip


def test_every_package_at_the_top_has_its_place() -> None:
    packages = {path.parent.name for path in TOP.glob("*/__init__.py")}
    assert packages - {"tests", "bench"} == set(ALLOWED) - {"cli"}

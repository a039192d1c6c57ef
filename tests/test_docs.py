"""The documents say what the program does: settings, exit codes, commands, translations."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from babel.messages.extract import extract, extract_from_dir
from babel.messages.pofile import read_po

import cli
from schemas.settings import Settings

TOP = Path(cli.__file__).parent
README = (TOP / "README.md").read_text(encoding="utf-8")
OPERATOR = (TOP / "docs" / "operator.md").read_text(encoding="utf-8")
PACKAGES = ("commands", "schemas", "ingest", "archive", "search", "reports", "samples")


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")


def test_the_example_explains_every_setting_at_its_default() -> None:
    example = tomllib.loads((TOP / "docs" / "sohoa.example.toml").read_text(encoding="utf-8"))
    assert Settings.model_validate(example) == Settings()
    assert {section: set(values) for section, values in example.items()} == {
        name: set(info.annotation.model_fields)  # type: ignore[union-attr]
        for name, info in Settings.model_fields.items()
    }


def test_the_readme_lists_the_exit_codes_as_the_program_uses_them() -> None:
    english = {int(code): text for code, text in re.findall(r"^\| `(\d+)` \| (.+?) \|$", README, re.M)}
    assert english == cli.EXIT_CODES


def test_the_readme_names_every_command_and_no_other() -> None:
    told = set(re.findall(r"^\| `sohoa ([a-z]+)", README, re.M))
    assert told == set(cli.COMMANDS)


def test_the_operators_guide_shows_only_commands_and_options_that_there_are() -> None:
    known = dict(commands(cli.sohoa))
    for line in re.findall(r"^\s*(?:\$ )?sohoa (.+)$", OPERATOR, re.M):
        words = [word for word in re.sub(r"#.*", "", line).split() if word != "\\"]
        if words and words[0].startswith("--workspace"):
            words = words[2:]
        name = words[0]
        if len(words) > 1 and f"{name} {words[1]}" in known:
            name = f"{name} {words[1]}"
        assert name in known, line
        options = {option for parameter in known[name].params for option in parameter.opts}
        assert {word.split("=")[0] for word in words if word.startswith("--")} <= options | {"--help"}, line


def test_every_command_says_what_it_and_each_of_its_options_does() -> None:
    for name, command in commands(cli.sohoa):
        assert command.help, name
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.opts}"


def messages() -> set[str]:
    found: set[str] = set()
    for folder in (TOP / package for package in PACKAGES):
        for _file, _line, message, _comments, _context in extract_from_dir(folder):
            found.add(message if isinstance(message, str) else message[0])
    with (TOP / "cli.py").open("rb") as source:
        found.update(str(message) for _line, message, _comments, _context in extract("python", source))
    return found


def vietnamese() -> dict[str, str]:
    with (TOP / "locale/vi/LC_MESSAGES/sohoa.po").open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file) if m.id and not m.fuzzy}


def test_every_message_has_a_vietnamese_text() -> None:
    translated = vietnamese()
    assert sorted(message for message in messages() if not translated.get(message)) == []


def test_a_translation_fills_in_the_same_names() -> None:
    names = re.compile(r"\{(\w*)[^}]*\}")
    for english, vietnamese_text in vietnamese().items():
        assert sorted(set(names.findall(english))) == sorted(set(names.findall(vietnamese_text))), english


@pytest.mark.parametrize(
    ("language", "words"), [("vi", "Những gì đang chờ duyệt."), ("en", "What waits for a person.")]
)
def test_help_speaks_the_readers_language(language: str, words: str) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "cli", "--help"],
        env=os.environ | {"SOHOA_LANG": language}, cwd=TOP, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert words in shown

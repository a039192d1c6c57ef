"""What commands print says what paper says, and steers no terminal."""

import json
import unicodedata

import pytest

from commands.showing import json_line


def test_json_says_the_same_without_a_character_that_steers(capsys: pytest.CaptureFixture[str]) -> None:
    said = {"text": "Giấy\x1b[2J \x9b31m \u202egpj \x7f\ufeff\n"}
    json_line(said)
    told = capsys.readouterr().out.removesuffix("\n")
    assert json.loads(told) == said
    assert not [c for c in told if unicodedata.category(c) in ("Cc", "Cf")]
    assert "Giấy" in told

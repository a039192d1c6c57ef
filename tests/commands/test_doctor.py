"""What the doctor finds lacking, and the command it names."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import cli
from samples.keys import make_demo_keys


def looked_at(workspace: Path, *words: str, **environment: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the last finding of each kind."""
    ran = CliRunner().invoke(
        cli.sohoa, ["--workspace", str(workspace), "doctor", "--json", *words], env=environment, standalone_mode=False
    )
    assert ran.exception is None, ran.exception
    findings = [json.loads(line) for line in ran.stdout.splitlines()]
    return ran.return_value, {finding["what"]: finding for finding in findings}


def test_a_machine_that_has_everything_is_healthy_before_there_is_a_workspace(tmp_path: Path) -> None:
    code, findings = looked_at(tmp_path / "w")
    assert code == 0
    assert findings["reading"]["verdict"] == "fine"
    assert "sohoa demo" in findings["signing keys"]["remedy"]
    assert not (tmp_path / "w").exists()


def test_missing_poppler_is_named_with_its_package(tmp_path: Path) -> None:
    code, findings = looked_at(tmp_path / "w", PATH=str(tmp_path))
    assert code == 5
    assert findings["poppler"]["remedy"] == "apt-get install poppler-utils"


def test_a_missing_model_is_named_with_its_package(tmp_path: Path) -> None:
    code, findings = looked_at(tmp_path / "w", SOHOA_READING_TESSDATA=str(tmp_path))
    assert code == 5
    assert "apt-get install tesseract-ocr-vie" in findings["reading"]["seen"]


def test_a_key_that_others_can_read_is_wrong(tmp_path: Path) -> None:
    keys = make_demo_keys(tmp_path / "keys")
    settings = {
        "SOHOA_SIGNING_OPERATOR_KEY": str(keys.operator_key),
        "SOHOA_SIGNING_OPERATOR_PASSWORD_FILE": str(keys.operator_password_file),
    }
    code, findings = looked_at(tmp_path / "w", **settings)
    assert code == 0
    assert "valid to" in findings["signing keys"]["seen"]
    keys.operator_key.chmod(0o644)
    code, findings = looked_at(tmp_path / "w", **settings)
    assert code == 2
    assert str(keys.operator_key) in findings["signing keys"]["seen"]


def test_wrong_settings_are_named_and_the_rest_is_looked_at_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "sohoa.toml").write_text("[reading]\nworkers = -1\n")
    code, findings = looked_at(tmp_path)
    assert code == 2
    assert "reading.workers" in findings["settings"]["seen"]
    assert findings["poppler"]["verdict"] == "fine"


def test_a_workspace_under_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, findings = looked_at(tmp_path / "file" / "w")
    assert code == 5
    assert "--workspace" in findings["workspace"]["remedy"]


@pytest.mark.parametrize("language", ["en", "vi"])
def test_it_reads_well_on_a_terminal(tmp_path: Path, language: str) -> None:
    ran = CliRunner().invoke(cli.sohoa, ["--workspace", str(tmp_path / "w"), "doctor"], env={"SOHOA_LANG": language})
    assert "✓" in ran.output
    assert "→" in ran.output

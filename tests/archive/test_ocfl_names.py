"""Objects damaged in the ways that the names of the OCFL fixtures tell, drawn anew: the audit finds each, without a
catalogue, and ocfl-py agrees; what the good ones show is found whole."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ocfl
import pytest

from archive.audit import audit
from archive.store import Archive
from schemas.errors import InputRejected, IntegrityBroken
from tests.archive import submission

Change = Callable[[Path], object]


def inventory_with(change: Callable[[dict[str, Any]], object]) -> Change:
    """The head's inventory changed, in both places, with sidecars that fit it."""

    def damage(folder: Path) -> None:
        inventory = json.loads((folder / "inventory.json").read_bytes())
        change(inventory)
        content = json.dumps(inventory).encode()
        for place in (folder, folder / "v2"):
            (place / "inventory.json").write_bytes(content)
            sidecar = f"{hashlib.sha512(content).hexdigest()} inventory.json\n"
            (place / "inventory.json.sha512").write_text(sidecar)

    return damage


def without(*keys: str) -> Change:
    def drop(inventory: dict[str, Any]) -> None:
        for key in keys[:-1]:
            inventory = inventory[key]
        del inventory[keys[-1]]

    return inventory_with(drop)


def with_value(value: object, *keys: str) -> Change:
    def put(inventory: dict[str, Any]) -> None:
        for key in keys[:-1]:
            inventory = inventory[key]
        inventory[keys[-1]] = value

    return inventory_with(put)


def to_manifest(path: str) -> Change:
    return inventory_with(lambda inventory: inventory["manifest"].update({"0" * 128: [path]}))


def first_state(inventory: dict[str, Any]) -> list[str]:
    paths: list[str] = next(iter(inventory["versions"]["v2"]["state"].values()))
    return paths


def inventory_of_first(*places: str) -> Change:
    """The first version's inventory where the head's belongs."""

    def damage(folder: Path) -> None:
        for place in places:
            for name in ("inventory.json", "inventory.json.sha512"):
                shutil.copyfile(folder / "v1" / name, folder / place / name)

    return damage


def with_fixity(*digests: str, path: str = "") -> Change:
    """Other digests of a file, as ``fixity`` may give them."""

    def put(inventory: dict[str, Any]) -> None:
        held = path or next(iter(inventory["manifest"].values()))[0]
        inventory["fixity"] = {"md5": {digest: [held] for digest in digests}}

    return inventory_with(put)


def another_name_in_first(inventory: dict[str, Any]) -> None:
    next(iter(inventory["versions"]["v1"]["state"].values()))[0] = "001/other"


def without_inventory(folder: Path) -> None:
    (folder / "inventory.json").unlink()
    (folder / "inventory.json.sha512").unlink()


def file_in_extensions(folder: Path) -> None:
    (folder / "extensions").mkdir()
    (folder / "extensions/x").write_text("x")


def emptied(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


BAD: dict[str, Change] = {
    "E001_extra_dir_in_root": lambda f: (f / "extra").mkdir(),
    "E001_extra_file_in_root": lambda f: (f / "extra").write_text("x"),
    "E001_v2_file_in_root": lambda f: (f / "v3").write_text("x"),
    "E003_E063_empty": emptied,
    "E003_no_decl": lambda f: (f / "0=ocfl_object_1.1").unlink(),
    "E007_bad_declaration_contents": lambda f: (f / "0=ocfl_object_1.1").write_text("ocfl_object_1.0\n"),
    "E008_E036_no_versions_no_head": inventory_with(lambda i: (i.pop("head"), i.update(versions={}))),
    "E010_missing_versions": lambda f: shutil.rmtree(f / "v1"),
    "E015_content_not_in_content_dir": lambda f: (f / "v2/document.pdf").write_text("x"),
    "E023_extra_file": lambda f: (f / "v1/content/extra").write_text("x"),
    "E023_missing_file": lambda f: next((f / "v1/content").rglob("document.pdf")).unlink(),
    "E023_old_manifest_missing_entries": inventory_with(lambda i: i["manifest"].popitem()),
    "E025_wrong_digest_algorithm": with_value("md5", "digestAlgorithm"),
    "E033_inventory_bad_json": lambda f: (f / "inventory.json").write_text("{"),
    "E034_no_inv": lambda f: (f / "inventory.json").unlink(),
    "E036_no_id": without("id"),
    "E036_no_head": without("head"),
    "E037_inconsistent_id": with_value("urn:sohoa:another", "id"),
    "E040_wrong_head_format": with_value(2, "head"),
    "E040_head_not_most_recent": with_value("v1", "head"),
    "E041_no_manifest": without("manifest"),
    "E041_manifest_not_object": with_value([], "manifest"),
    "E042_bad_manifest_content_path": to_manifest("v2/../outside"),
    "E044_no_versions": without("versions"),
    "E046_bad_version_block": with_value([], "versions", "v2"),
    "E048_version_block_no_created": without("versions", "v2", "created"),
    "E048_version_block_no_state": without("versions", "v2", "state"),
    "E049_created_no_timezone": with_value("2023-08-15T12:00:00", "versions", "v2", "created"),
    "E050_state_digest_different_case": inventory_with(
        lambda i: i["versions"]["v2"].update(state={d[:-1] + "g": p for d, p in i["versions"]["v2"]["state"].items()})
    ),
    "E050_manifest_digest_wrong_type": with_value("x", "versions", "v2", "state"),
    "E052_invalid_path_state": inventory_with(lambda i: first_state(i).append("../up")),
    "E053_E052_invalid_logical_path_slash": inventory_with(lambda i: first_state(i).append("/up")),
    "E058_no_sidecar": lambda f: (f / "inventory.json.sha512").unlink(),
    "E060_E064_root_inventory_digest_mismatch": lambda f: (f / "inventory.json").write_bytes(
        (f / "inventory.json").read_bytes() + b" "
    ),
    "E061_invalid_sidecar": lambda f: (f / "inventory.json.sha512").write_text("x"),
    "E064_different_root_and_latest_inventories": lambda f: (f / "v2/inventory.json").write_text("{}"),
    "E066_old_manifest_digest_incorrect": inventory_with(lambda i: i["versions"]["v1"]["state"].popitem()),
    "E067_file_in_extensions_dir": file_in_extensions,
    "E092_content_file_digest_mismatch": lambda f: next((f / "v1/content").rglob("text.json")).write_text("{}"),
    "E094_message_not_a_string": with_value(7, "versions", "v2", "message"),
    "E094_user_no_name": with_value({"address": "x"}, "versions", "v2", "user"),
    "E095_conflicting_logical_paths": inventory_with(lambda i: first_state(i).append(f"{first_state(i)[0]}/below")),
    "E101_non_unique_content_paths": inventory_with(
        lambda i: i["manifest"].update({"0" * 128: next(iter(i["manifest"].values()))})
    ),
    "E001_invalid_version_format": lambda f: (f / "v1").rename(f / "1_0"),
    "E010_skipped_versions": without("versions", "v1"),
    "E011_E013_invalid_padded_head_version": with_value("v02", "head"),
    "E017_invalid_content_dir": with_value("content/dir", "contentDirectory"),
    "E019_inconsistent_content_dir": with_value("stuff", "contentDirectory"),
    "E040_wrong_head_doesnt_exist": with_value("v3", "head"),
    "E040_wrong_version_in_version_dir": inventory_of_first("v2"),
    "E046_root_not_most_recent": inventory_of_first("."),
    "E049_created_not_to_seconds": with_value("2023-08-15T12:00Z", "versions", "v2", "created"),
    "E050_state_digest_not_in_manifest": inventory_with(
        lambda i: i["versions"]["v2"]["state"].update({"0" * 128: ["001/more"]})
    ),
    "E060_version_inventory_digest_mismatch": lambda f: (f / "v1/inventory.json").write_bytes(
        (f / "v1/inventory.json").read_bytes() + b" "
    ),
    "E063_no_inv": without_inventory,
    "E066_inconsistent_version_state": inventory_with(another_name_in_first),
    "E092_E093_content_path_does_not_exist": to_manifest("v1/content/none"),
    "E093_fixity_digest_mismatch": with_fixity("0" * 32),
    "E095_non_unique_logical_paths": inventory_with(lambda i: first_state(i).append(first_state(i)[0])),
    "E096_manifest_duplicate_digests": inventory_with(
        lambda i: i["manifest"].update({d.upper(): p for d, p in list(i["manifest"].items())[:1]})
    ),
    "E097_fixity_duplicate_digests": with_fixity("ab" * 16, "AB" * 16),
    "E100_E099_fixity_invalid_content_paths": with_fixity("0" * 32, path="/v1/../x"),
    "E100_E099_manifest_invalid_content_paths": to_manifest("/v1/content/x"),
    "E107_file_in_manifest_not_used": to_manifest("v2/content/unused"),
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    archive = Archive.open(folder / "archive")
    for scan in ("a", "b"):
        archive.deposit(submission(folder, scan=scan, dossier="one"))
    return archive.root


@pytest.mark.parametrize("name", BAD)
def test_what_the_fixture_of_that_name_shows_is_found(drawn: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(drawn, tmp_path / "archive")
    archive = Archive.open(tmp_path / "archive")
    [path] = list(archive.object_paths())
    BAD[name](archive.root / path)
    assert audit(archive).findings, name
    try:
        valid, _validator = ocfl.Object(path=str(archive.root / path)).validate(log_warnings=False)
    except (
        KeyError,
        TypeError,
        AttributeError,
        ValueError,
        ocfl.ObjectException,
    ):  # it stops at some: not valid either
        valid = False
    assert not valid, name


@pytest.mark.parametrize("name", BAD)
def test_a_record_below_such_an_inventory_is_read_as_it_was_or_the_damage_said(
    drawn: Path, tmp_path: Path, name: str
) -> None:
    whole = Archive.open(drawn).record("one.001")
    shutil.copytree(drawn, tmp_path / "archive")
    archive = Archive.open(tmp_path / "archive")
    [path] = list(archive.object_paths())
    BAD[name](archive.root / path)
    said = ""
    try:
        assert archive.record("one.001") == whole
    except (InputRejected, IntegrityBroken) as error:
        said = str(error)
    assert not said or path in said or "one.001" in said


def test_no_inventory_leads_out_of_its_object(drawn: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn, tmp_path / "archive")
    archive = Archive.open(tmp_path / "archive")
    [path] = list(archive.object_paths())
    for name in ("metadata.json", "text.json"):
        [held] = (archive.root / path).rglob(f"001/{name}")
        shutil.copyfile(held, archive.root / name)

    def lead_out(inventory: dict[str, Any]) -> None:
        for paths in inventory["manifest"].values():
            paths[:] = [f"../../../../{Path(at).name}" if "/001/" in at and ".json" in at else at for at in paths]

    inventory_with(lead_out)(archive.root / path)
    with pytest.raises(IntegrityBroken):
        archive.record("one.001")


@pytest.mark.parametrize("versions", [1, 2, 3])
def test_good_objects_are_found_whole(tmp_path: Path, versions: int) -> None:
    archive = Archive.open(tmp_path / "archive")
    for number in range(versions):
        archive.deposit(submission(tmp_path, scan=f"{number}", dossier="one"))
    [path] = list(archive.object_paths())
    assert audit(archive).findings == []
    assert ocfl.Object(path=str(archive.root / path)).validate(log_warnings=False)[0]

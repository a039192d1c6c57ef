"""Every level, kind and place of key, profile and number of signers, before judges from outside.

Not all 192: each two values stand together in at least one of them.
"""

from pathlib import Path

import pytest

from ingest.intake import find_scans
from ingest.signing import Verdict, verify
from schemas.documents import LEVELS
from schemas.pages import Scan
from tests.ingest.signed import KINDS, composed_from
from tests.ingest.signing_matrix import Maker, pairs
from tests.services import dss, verapdf
from tests.services.pki import Pki


@pytest.mark.service("EU DSS")
@pytest.mark.service("veraPDF")
def test_strangers_pass_every_output_and_what_is_renewed_of_it(pki: Pki, softhsm: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(KINDS["png-bilevel.png"]())
    [scan] = find_scans([tmp_path / "a.png"])
    assert isinstance(scan, Scan)
    composed, _paper = composed_from(scan, tmp_path)
    maker = Maker(pki, softhsm, tmp_path)
    made = {case: maker.make(case, composed) for case in pairs()}
    assert {case.name for case, signed in made.items() if signed.waits_for_timestamp} == set()
    first_of_level = {case.level: signed for case, signed in reversed(made.items())}
    renewed = [maker.renew(first_of_level[level]) for level in LEVELS]
    files = [signed.path for signed in (*made.values(), *renewed)]

    assert verapdf.faults(files) == {}
    judged = dss.judge(files, [pki.root, *pki.lists])
    assert {file.name for file, found in judged.items() for one in found if one.indication != "TOTAL_PASSED"} == set()
    for case, signed in made.items():
        assert [one.level for one in judged[signed.path]] == [f"PAdES-BASELINE-{case.level[2:]}"] * case.signers
        assert [one.level for one in verify(signed.path, pki.roots) if one.kind == "signature"] == [
            case.level
        ] * case.signers
    assert {one.level for signed in renewed for one in judged[signed.path]} == {"PAdES-BASELINE-LTA"}
    assert {one.verdict for file in files for one in verify(file, pki.roots)} == {Verdict.VALID}
    pss = next(signed for case, signed in made.items() if case.key == "rsa-pss")
    assert "PSS" in verify(pss.path, pki.roots)[0].algorithm

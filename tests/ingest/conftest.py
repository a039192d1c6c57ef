"""Services that several modules of tests share, started once a session."""

from collections.abc import Iterator

import pytest

from tests.services import softhsm as tokens
from tests.services.pki import Pki, running_pki


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pki]:
    with running_pki(tmp_path_factory.mktemp("pki")) as running:
        yield running


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The PKCS #11 module, with empty tokens."""
    return tokens.made(tmp_path_factory.mktemp("softhsm"), "ban-hanh", "khac", "pki", "rut-ra", "co-quan")

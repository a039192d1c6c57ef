"""The three indexes; OpenSearch is started once a session, and only where a test asks for it."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas.settings import Search
from search.index import SearchIndex
from search.memory_index import MemoryIndex
from search.opensearch_index import OpenSearchIndex
from search.tantivy_index import TantivyIndex
from tests.services.opensearch import running

ENGINES = ["memory", "tantivy", pytest.param("opensearch", marks=pytest.mark.service("opensearch"))]


@pytest.fixture(scope="session")
def opensearch_url() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture(scope="session")
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], SearchIndex]:
    """Makes an empty index of an engine."""

    def make(engine: str) -> SearchIndex:
        match engine:
            case "memory":
                return MemoryIndex()
            case "tantivy":
                folder: Path = tmp_path_factory.mktemp("index")
                return TantivyIndex.open(folder)
            case _:
                url: str = request.getfixturevalue("opensearch_url")
                name = f"t-{uuid.uuid4().hex[:12]}"
                return OpenSearchIndex.open(Search(engine="opensearch", url=url, index=name))

    return make

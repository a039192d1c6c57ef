"""The workspace: one folder with settings, archive, catalogue, index and what waits. The first command makes it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import ServiceUnavailable
from schemas.language import _
from schemas.settings import Settings, load_settings

if TYPE_CHECKING:
    from archive.catalogue import Catalogue
    from archive.store import Archive
    from search.index import SearchIndex


@dataclass
class Workspace:
    """The folder's parts, each opened when first asked for."""

    folder: Path
    settings: Settings

    @classmethod
    def open(cls, folder: Path) -> "Workspace":
        """The workspace at *folder*, made (mode 700) if it is not there.

        ServiceUnavailable when the folder cannot be made or written.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for part in ("archive", "waiting", "quarantine", "tmp"):
                (folder / part).mkdir(mode=0o700, exist_ok=True)
            probe = folder / "tmp" / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ServiceUnavailable(
                _("workspace {folder}: cannot be written ({error}); choose another with --workspace, or mend its "
                  "owner and permissions").format(folder=folder, error=error.strerror)
            ) from error  # fmt: skip
        return cls(folder, load_settings(folder / "sohoa.toml"))

    @cached_property
    def catalogue(self) -> "Catalogue":
        from archive.catalogue import Catalogue

        return Catalogue.open(self.settings.catalogue.url or f"sqlite:///{self.folder / 'catalogue.db'}")

    @cached_property
    def archive(self) -> "Archive":
        from archive.store import Archive

        return Archive.open(Path(self.settings.archive.root or self.folder / "archive"))

    @cached_property
    def index(self) -> "SearchIndex":
        from search.index import open_index

        return open_index(self.settings.search, self.folder / "index")

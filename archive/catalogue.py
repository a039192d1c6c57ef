"""The catalogue: what is not in any record (batches, scans, holds, the log), and the list of deposits for quick asking.

On SQLite or PostgreSQL (``archive/database.py``). Its parts stand in modules of their own, by what they keep.
"""

from dataclasses import dataclass

from archive.database import check_may_write, engine_of, explained
from archive.deposits import Deposits
from archive.holds import Holds
from archive.log import Log
from archive.scans import Scans
from archive.schema import bring_up_to_date, check_not_newer


@dataclass(frozen=True, slots=True)
class Catalogue(Scans, Holds, Deposits, Log):
    """The catalogue on one database. Any method may raise ServiceUnavailable, with what to do."""

    @classmethod
    def open(cls, url: str) -> "Catalogue":
        """The catalogue at *url* (``sqlite:///…`` or ``postgresql+psycopg://…``); its tables are made if missing.

        SettingsRejected for a URL that is none, or a catalogue that a newer version of this program has made.
        """
        engine = engine_of(url)
        catalogue = cls(engine)
        with explained(engine):
            bring_up_to_date(engine)
        return catalogue

    @property
    def is_shared(self) -> bool:
        """Several runs may take scans in on it at once: it is on PostgreSQL."""
        return self.engine.dialect.name == "postgresql"

    def check_may_write(self) -> None:
        """SettingsRejected where the account that the database is opened with may only read, or a newer version of
        this program has changed the tables since: a run that watches a folder lasts for weeks."""
        with explained(self.engine):
            check_not_newer(self.engine)
        check_may_write(self.engine)

    def close(self) -> None:
        """Let go of the database's connections."""
        self.engine.dispose()

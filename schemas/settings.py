"""Settings of a workspace: ``sohoa.toml``, overridden by ``SOHOA_<SECTION>_<NAME>`` in the environment.

No secret stands in the file: keys are named by path, their passwords by the environment variable or file that holds
them.
``docs/sohoa.example.toml`` explains every setting; a test keeps it complete.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from schemas.errors import SettingsRejected
from schemas.language import _


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Office(_Section):
    """Whose workspace this is."""

    unit: str = ""
    agency: str = ""
    operator: str = ""


class Intake(_Section):
    """What the places of scans say of them."""

    folders: str = ""
    manifest: str = ""
    secret_scans: Literal["leave", "move"] = "leave"
    status_every_s: float = Field(default=60.0, gt=0)


class Reading(_Section):
    """How pages are read."""

    languages: tuple[str, ...] = ("vie",)
    engine: Literal["auto", "tesserocr", "pytesseract"] = "auto"
    workers: int | str = 0
    fast: bool = False
    page_timeout_s: float = Field(default=25.0, gt=0)
    tessdata: str = ""
    pdf_passwords: tuple[str, ...] = ()

    @field_validator("workers")
    @classmethod
    def _a_number_or_a_cluster(cls, given: int | str) -> int | str:
        if isinstance(given, str) and given.startswith("dask://"):
            return given
        if str(given).isdecimal():
            return int(given)
        raise ValueError(_("a number of processes, 0 for one a core, or a cluster's address as dask://host:8786"))


class Signing(_Section):
    """With what the composed PDF is signed."""

    operator_key: str = ""
    operator_password_env: str = "SOHOA_OPERATOR_PASSWORD"
    operator_password_file: str = ""
    operator_password_keyring: str = ""
    agency_key: str = ""
    agency_password_env: str = "SOHOA_AGENCY_PASSWORD"
    agency_password_file: str = ""
    agency_password_keyring: str = ""
    rsa_padding: Literal["pkcs1", "pss"] = "pkcs1"
    copy_form: Literal["SAO Y", "SAO LỤC", "TRÍCH SAO"] = "SAO Y"
    agency_profile: Literal["text", "seal"] = "text"
    seal_image: str = ""
    seal_width_mm: float = Field(default=36.0, gt=0, le=60)
    signed_originals: Literal["keep", "certify"] = "keep"
    trust_roots: str = ""
    ask_revocation: bool = True
    level: Literal["B-B", "B-T", "B-LT", "B-LTA"] = "B-B"
    timestamp_urls: tuple[str, ...] = ()
    timestamp_timeout_s: float = Field(default=30.0, gt=0)
    timestamp_tries: int = Field(default=2, ge=1)


class Search(_Section):
    """Where the index is."""

    engine: Literal["tantivy", "opensearch"] = "tantivy"
    url: str = "http://127.0.0.1:9200"
    more_urls: tuple[str, ...] = ()
    index: str = "sohoa"
    shards: int = Field(default=1, ge=1)
    replicas: str = Field(default="0-1", pattern=r"^\d+(-(\d+|all))?$")
    user: str = ""
    password_env: str = "SOHOA_SEARCH_PASSWORD"
    ca_file: str = ""
    client_certificate: str = ""
    client_key: str = ""
    allow_plain_http: bool = False
    timeout_s: float = Field(default=30.0, gt=0)


class Cluster(_Section):
    """How other machines that read pages are reached: over TLS, with the authority and one's own certificate (PEM)."""

    ca_file: str = ""
    certificate: str = ""
    key: str = ""
    allow_plain: bool = False
    """Page images may cross a network unencrypted."""


class ArchiveSection(_Section):
    """Where the records are kept (empty: ``archive/`` in the workspace), where again, and for how long."""

    root: str = ""
    replicas: tuple[str, ...] = ()
    s3_endpoint: str = ""
    s3_ca_file: str = ""
    s3_allow_plain_http: bool = False
    s3_lock: Literal["", "governance", "compliance"] = ""
    retention: str = Field(default="", pattern="^(0[1-7])?$")
    retention_by_procedure: tuple[Annotated[str, Field(pattern=r"^[^=]+=0[1-7]$")], ...] = ()

    def retention_of(self, procedure: str) -> str:
        """The retention code of a record of *procedure*; empty where none is set."""
        codes = dict(entry.split("=", 1) for entry in self.retention_by_procedure)
        return codes.get(procedure, self.retention)


class CatalogueSection(_Section):
    """Where the catalogue is; empty: ``catalogue.db`` in the workspace."""

    url: str = ""
    allow_plain: bool = False
    """What stands in it may cross a network unencrypted, or come from whoever answers."""


class Log(_Section):
    """Where a run writes down what it did, for other programs."""

    file: str = ""


class Settings(_Section):
    """Everything that can be set."""

    office: Office = Office()
    intake: Intake = Intake()
    reading: Reading = Reading()
    cluster: Cluster = Cluster()
    signing: Signing = Signing()
    search: Search = Search()
    archive: ArchiveSection = ArchiveSection()
    catalogue: CatalogueSection = CatalogueSection()
    log: Log = Log()


def load_settings(file: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of *file* (defaults where it is None or missing) with the environment's on top.

    SettingsRejected names the file, the setting and what is wrong with it.
    """
    given: dict[str, Any] = {}
    if file is not None and file.exists():
        try:
            given = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsRejected(_("{file}: not readable as TOML: {error}").format(file=file, error=error)) from error
    for section, model in ((name, info.annotation) for name, info in Settings.model_fields.items()):
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        for name, info in model.model_fields.items():
            value = environment.get(f"SOHOA_{section}_{name}".upper())
            if value is not None:
                given.setdefault(section, {})[name] = value.split(",") if "tuple" in str(info.annotation) else value
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsRejected(
            _("{file}: setting {name}: {error}").format(file=file or "SOHOA_*", name=name, error=first["msg"])
        ) from error

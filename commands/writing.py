"""Files that are written whole or not at all."""

import os
import tempfile
from pathlib import Path

from schemas.errors import ServiceUnavailable
from schemas.language import _


def write_whole(file: Path, content: bytes) -> None:
    """Write *file* whole or not at all; ServiceUnavailable names it when it cannot be written."""
    try:
        with tempfile.NamedTemporaryFile(dir=file.absolute().parent, delete=False) as part:
            part.write(content)
        os.chmod(part.name, 0o644)
        os.replace(part.name, file)
    except OSError as error:
        raise ServiceUnavailable(
            _("{file}: cannot be written ({error}); choose another with -o").format(file=file, error=error.strerror)
        ) from error

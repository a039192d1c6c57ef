"""Messages for people: Vietnamese by default, English with ``SOHOA_LANG=en``.

The English text in the code is the key; ``locale/vi/LC_MESSAGES/sohoa.po`` holds the Vietnamese.
"""

import gettext
import os
from functools import cache
from pathlib import Path

LOCALE_DIR = Path(__file__).resolve().parent.parent / "locale"


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation("sohoa", LOCALE_DIR, [language], fallback=True)


def language() -> str:
    """The language that people are spoken to in: ``vi`` or ``en``."""
    return "en" if os.environ.get("SOHOA_LANG", "vi").lower().startswith("en") else "vi"


def _(message: str) -> str:
    """*message* in the reader's language; fill in its ``{names}`` with ``.format`` afterwards."""
    return _catalogue(language()).gettext(message)

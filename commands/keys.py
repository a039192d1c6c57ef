"""Single keys at a terminal. What is typed ahead is kept: whoever knows the questions need not wait for them."""

import os
import readline
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress

END = "\x04"
"""Ctrl-D, or a terminal that is gone."""
ESCAPE = b"\x1b"


@contextmanager
def single_keys() -> Iterator[None]:
    """Keys come one by one, and are not shown, while the block runs."""
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal, termios.TCSADRAIN)  # not TCSAFLUSH, with which what is typed ahead is lost
    try:
        yield
    finally:
        with suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def key() -> str:
    """The next key, letters in lower case; a key of several bytes (arrows, function keys) is the escape alone."""
    terminal = sys.stdin.fileno()
    first = os.read(terminal, 1)
    if not first:
        return END
    if first == ESCAPE:
        while select.select([terminal], [], [], 0.01)[0] and os.read(terminal, 1):
            pass
        return ESCAPE.decode()
    follow = 0 if first[0] < 0xC0 else 1 if first[0] < 0xE0 else 2 if first[0] < 0xF0 else 3  # by UTF-8
    return (first + (os.read(terminal, follow) if follow else b"")).decode("utf-8", "replace").lower()


def typed(prompt: str, begun: str = "") -> str:
    """A line that a person types, with *begun* to change; empty when they leave it so."""
    terminal = sys.stdin.fileno()
    keys_only = termios.tcgetattr(terminal)
    shown = termios.tcgetattr(terminal)
    shown[3] |= termios.ECHO | termios.ICANON
    termios.tcsetattr(terminal, termios.TCSADRAIN, shown)
    readline.set_startup_hook(lambda: readline.insert_text(begun))
    try:
        return input(prompt).strip()
    except EOFError:
        return ""
    finally:
        readline.set_startup_hook()
        termios.tcsetattr(terminal, termios.TCSADRAIN, keys_only)

"""Pictures in the terminals that can show them: kitty's protocol or sixel, which the terminal itself is asked for."""

from pathlib import Path

from PIL import Image
from rich.console import Console

WIDEST_CELLS = 100


def shows_pictures(out: Console) -> bool:
    """Whether there is a terminal that can show pictures. It is asked once, the first time, and keys pressed until it
    has answered are taken for a part of the answer: ask before anything is to be typed."""
    if not out.is_terminal:
        return False
    # Here, as the terminal is asked what it can when this is imported.
    from textual_image.renderable import Image as Best
    from textual_image.renderable import SixelImage, TGPImage

    return Best in (SixelImage, TGPImage)


def show_picture(out: Console, file: Path) -> bool:
    """Show the picture inline; False where there is no terminal, or none that can.

    Half-cell blocks, which any terminal can show, are of no use here: no handwriting is legible in them.
    """
    if not shows_pictures(out):
        return False
    from textual_image.renderable import Image as Best

    with Image.open(file) as image:
        out.print(Best(image.convert("RGB"), width=min(WIDEST_CELLS, out.width - 2), height="auto"))
    return True

"""Pictures in the terminals that can show them: kitty's protocol or sixel, which the terminal itself is asked for."""

from pathlib import Path

from PIL import Image
from rich.console import Console

WIDEST_CELLS = 100


def show_picture(out: Console, file: Path) -> bool:
    """Show the picture inline; False where there is no terminal, or none that can.

    Half-cell blocks, which any terminal can show, are of no use here: no handwriting is legible in them.
    """
    if not out.is_terminal:
        return False
    # Here, as the terminal is asked what it can when this is imported.
    from textual_image.renderable import Image as Best
    from textual_image.renderable import SixelImage, TGPImage

    if Best not in (SixelImage, TGPImage):
        return False
    with Image.open(file) as image:
        out.print(Best(image.convert("RGB"), width=min(WIDEST_CELLS, out.width - 2), height="auto"))
    return True

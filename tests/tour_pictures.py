"""The small pictures of notebooks/README.md, one of each notebook: ``python tests/tour_pictures.py`` draws them."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
CHOSEN = {1: -1, 2: 0, 3: 0, 4: 0, 5: -1, 6: 1, 7: 1}
"""Which picture of the notebook with each number."""

INCHES, DOTS = 5.2, 100


def pictures(number: int) -> list[bytes]:
    """The PNGs that a notebook shows, in order."""
    (file,) = NOTEBOOKS.glob(f"{number:02d}_*.ipynb")
    cells = [cell for cell in nbformat.read(file, as_version=4).cells if cell.cell_type == "code"]
    shown = [output.get("data", {}).get("image/png") for cell in cells for output in cell.outputs]
    return [base64.b64decode(png) for png in shown if png]


def draw(number: int) -> None:
    """Write the small picture of a notebook."""
    from matplotlib.figure import Figure
    from matplotlib.image import imread

    pixels = imread(io.BytesIO(pictures(number)[CHOSEN[number]]))[..., :3]
    height, width = pixels.shape[:2]
    figure = Figure(figsize=(INCHES, INCHES * height / width))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(pixels, interpolation="antialiased", aspect="auto")
    axes.set_axis_off()
    figure.savefig(NOTEBOOKS / "images" / f"tour-{number}.png", dpi=DOTS, metadata={"Software": None})


if __name__ == "__main__":
    for number in CHOSEN:
        draw(number)

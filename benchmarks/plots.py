# /// script
# requires-python = ">=3.11"
# dependencies = ["matplotlib==3.10.*"]
# ///
"""Plot cost against size, from a file of results: `plots.py RESULTS FOLDER`.

It is a separate script, which `uv run` runs in its own environment, so that tests need no plotting library.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB"}
STYLES = {
    "ours": ("Artigraph", "C0", "o-"),
    "core": ("Core", "C1", "s--"),
    "raw": ("raw driver", "C2", "^--"),
    "copy": ("COPY", "C3", "v:"),
}


def main(results: str, folder: str) -> None:
    """Write one SVG file for each kind of cost, with a panel for each database."""
    matplotlib: Any = import_module("matplotlib")
    matplotlib.use("svg")
    # With a fixed salt, the same figures give the same file.
    matplotlib.rcParams.update({"svg.hashsalt": "artigraph", "svg.fonttype": "none", "font.size": 9})
    Path(folder).mkdir(parents=True, exist_ok=True)
    curves: list[dict[str, Any]] = json.loads(Path(results).read_text("utf-8"))["curves"]
    for plot in dict.fromkeys(curve["plot"] for curve in curves):
        draw([curve for curve in curves if curve["plot"] == plot], plot, Path(folder, f"{plot}-by-size.svg"))


def draw(curves: list[dict[str, Any]], plot: str, path: Path) -> None:
    """Draw the curves of one plot. Bands show the quartiles."""
    pyplot: Any = import_module("matplotlib.pyplot")
    databases = [name for name in NAMES if any(curve["database"] == name for curve in curves)]
    drawing, panels = pyplot.subplots(
        1, len(databases), figsize=(3.2 * len(databases), 3.2), sharey=True, squeeze=False, layout="constrained"
    )
    for panel, database in zip(panels[0], databases, strict=True):
        for curve in curves:
            if curve["database"] == database:
                label, color, style = STYLES[curve["line"]]
                sizes, costs = curve["sizes"], curve["costs"]
                panel.plot(sizes, [cost["median"] for cost in costs], style, color=color, label=label, markersize=3)
                bounds = [[cost[bound] for cost in costs] for bound in ("low", "high")]
                panel.fill_between(sizes, *bounds, color=color, alpha=0.2, linewidth=0)
        panel.set(title=NAMES[database], xscale="log", yscale="log", xlabel="nodes")
        panel.grid(visible=True, alpha=0.3)
    panels[0][0].set_ylabel(f"milliseconds to {plot} a tree")
    panels[0][-1].legend(frameon=False)
    drawing.savefig(path, metadata={"Date": None})
    pyplot.close(drawing)


if __name__ == "__main__":
    main(*sys.argv[1:])

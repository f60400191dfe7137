# mypy: ignore-errors
"""Draws wall time and peak memory of each tool over rows: `plot.py bench.json bench.svg`."""

import json
import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

METRIC = "c-revenue"
# told apart by colour-blind readers too; the shapes of the points do it in print
COLOURS = ("#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7f3c8d", "#666666")
MARKERS = "^DvPX*<"
OURS = ("diffing", "diffing, 512 MB")
STYLES = {
    "reading": ("black", ".", "dotted"),
    OURS[0]: ("#d55e00", "o", "solid"),
    OURS[1]: ("#d55e00", "s", "dashed"),
}


def lines(data: dict, figure: str, unit: float) -> dict[str, list[tuple[int, float]]]:
    """For each tool its points: rows and figure."""
    found = {}
    for pair in sorted(data["pairs"], key=lambda pair: pair["rows"]):
        if pair["metric"] != METRIC or pair["shape"] != "plain":
            continue
        for result in pair["results"]:
            if result["cost"]:
                point = pair["rows"], result["cost"][figure] / unit
                found.setdefault(result["tool"], []).append(point)
    return found


def draw(axes: plt.Axes, points: dict[str, list[tuple[int, float]]], title: str) -> None:
    """One panel."""
    others = ((colour, marker, "solid") for colour, marker in zip(COLOURS, MARKERS, strict=True))
    for tool, line in points.items():
        colour, marker, stroke = STYLES[tool] if tool in STYLES else next(others)
        axes.plot(
            *zip(*line, strict=True),
            label=tool,
            color=colour,
            marker=marker,
            linestyle=stroke,
            linewidth=2.5 if tool in OURS else 1.3,
            zorder=3 if tool in OURS else 2,
            markersize=5,
        )
    axes.set(xscale="log", yscale="log", title=title, xlabel="rows of each file")
    sizes = sorted({rows for line in points.values() for rows, _ in line})
    axes.set_xticks(sizes, [f"{rows:,}" for rows in sizes])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:,g}"))
    axes.grid(which="both", color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)


def main() -> None:
    """Draw both panels with one legend below."""
    source, target = map(Path, sys.argv[1:])
    data = json.loads(source.read_text("utf-8"))
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 9})
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
    draw(left, lines(data, "wall", 1), "wall time, s")
    draw(right, lines(data, "rss", 1e6), "peak memory, MB")
    handles, labels = left.get_legend_handles_labels()
    figure.suptitle(f"{METRIC}; {data['machine']}", fontsize=9)
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
    figure.savefig(target, facecolor="white", metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()

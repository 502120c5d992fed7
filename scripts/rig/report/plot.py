# SPDX-License-Identifier: GPL-2.0
"""Plots with two logarithmic axes, as SVG that is legible on a light and a dark background."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 460, 330  # of a panel, in pixels
LEFT, RIGHT, TOP, BOTTOM = 62, 74, 34, 46  # its margins

STYLE = """
text { font: 12px sans-serif; fill: #444 }
.title { font-weight: bold }
.grid { stroke: #888; stroke-opacity: 0.3 }
.wide { fill: none; stroke: #4a90d9; stroke-opacity: 0.55; stroke-width: 6 }
.thin { fill: none; stroke: #d9541e; stroke-width: 1.5 }
.dot { fill: #d9541e }
@media (prefers-color-scheme: dark) { text { fill: #ccc } }
"""


@dataclass(frozen=True)
class Line:
    """Two series to compare; the thin one is drawn over the wide one."""

    label: str
    wide: dict[int, float]
    thin: dict[int, float]


@dataclass(frozen=True)
class Panel:
    """A pair of axes, and the lines drawn there."""

    title: str
    x_label: str
    y_label: str
    lines: list[Line]


@dataclass(frozen=True)
class Axis:
    """A logarithmic axis from `low` to `high`, at pixels `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Returns the pixel of `value`."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[int]:
        """Returns the powers of ten, and if they are few also their doubles and fivefolds."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        steps = (1, 2, 5) if len(powers) < 5 else (1,)
        ticks = [step * 10**power for power in powers for step in steps]
        return [tick for tick in ticks if self.low <= tick <= self.high]


def svg(rows: list[list[Panel]], wide: str, thin: str) -> str:
    """Returns a picture of panels, with a legend that calls the two series `wide` and `thin`."""
    width = WIDTH * max(map(len, rows))
    height = 30 + HEIGHT * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}">',
        "<!-- SPDX-License-Identifier: GPL-2.0 -->",
        f"<style>{STYLE}</style>",
        *_legend(LEFT, "wide", wide),
        *_legend(LEFT + 100, "thin", thin),
    ]
    for row, panels in enumerate(rows):
        for column, panel in enumerate(panels):
            parts.append(f'<g transform="translate({WIDTH * column} {30 + HEIGHT * row})">')
            parts += [*_panel(panel), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _legend(x: float, kind: str, text: str) -> Iterator[str]:
    yield f'<path class="{kind}" d="M{x} 20h30"/>'
    yield _text(x + 36, 24, text)


def _panel(panel: Panel) -> Iterator[str]:
    series = [s for line in panel.lines for s in (line.wide, line.thin)]
    counts = [count for s in series for count in s]
    values = [value for s in series for value in s.values()]
    x = Axis(min(counts), max(counts), LEFT, WIDTH - RIGHT)
    y = Axis(min(values) / 1.5, max(values) * 1.5, HEIGHT - BOTTOM, TOP)

    yield _text(LEFT, 18, panel.title, "title")
    for tick in x.ticks():
        yield f'<path class="grid" d="M{x.at(tick):.1f} {y.start}V{y.end}"/>'
        yield _text(x.at(tick), y.start + 16, f"{tick:,}", anchor="middle")
    for tick in y.ticks():
        yield f'<path class="grid" d="M{x.start} {y.at(tick):.1f}H{x.end}"/>'
        yield _text(x.start - 6, y.at(tick) + 4, f"{tick:,}", anchor="end")
    yield _text((x.start + x.end) / 2, HEIGHT - 10, panel.x_label, anchor="middle")
    middle = (y.start + y.end) / 2
    yield f'<g transform="translate(12 {middle}) rotate(-90)">'
    yield _text(0, 0, panel.y_label, anchor="middle")
    yield "</g>"
    for line in panel.lines:
        yield from _line(line, x, y)


def _line(line: Line, x: Axis, y: Axis) -> Iterator[str]:
    for kind, series in (("wide", line.wide), ("thin", line.thin)):
        points = [f"{x.at(count):.1f} {y.at(value):.1f}" for count, value in series.items()]
        yield f'<path class="{kind}" d="M{" L".join(points)}"/>'
    for count, value in line.thin.items():
        yield f'<circle class="dot" cx="{x.at(count):.1f}" cy="{y.at(value):.1f}" r="2.5"/>'
    yield _text(x.end + 8, y.at(list(line.thin.values())[-1]) + 4, line.label)


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(text)}</text>'

"""A cycle of transactions as a ring: boxes, and arrows with the kind of each dependency."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, hypot, pi, sin
from typing import Any

import msgspec

BOXES_MAX = 8
"""a longer cycle is not drawn; its words tell it"""
WIDTH, BOX_WIDTH, BOX_HEIGHT = 860, 232, 62
GAP = 9
"""between a box and the arrow's ends"""
LINE_CHARS, KEY_CHARS = 36, 12


KINDS = {
    "ww": "it wrote over what the first wrote",
    "wr": "it read what the first wrote",
    "rw": "it wrote over what the first read",
    "process": "the same process did it later",
    "realtime": "it began after the first was done",
}
"""what an arrow says of the transaction that it leads to"""


class Box(msgspec.Struct):
    """A transaction. ``x``, ``y``: of its upper left corner. ``lines``: who, what, when; ``title``: all of it."""

    name: str
    x: int
    y: int
    lines: list[str]
    title: str


class Arrow(msgspec.Struct):
    """From one box to the next: an SVG path, and where its label stands.

    ``kind``: ww, wr, rw, process, realtime; ``label``: with the key.
    """

    path: str
    kind: str
    label: str
    x: int
    y: int
    width: int
    title: str


class Ring(msgspec.Struct):
    """``width`` and ``height`` of the picture; ``alt`` says it in words."""

    width: int
    height: int
    boxes: list[Box]
    arrows: list[Arrow]
    alt: str
    legend: list[tuple[str, str]]
    box_width: int = BOX_WIDTH
    box_height: int = BOX_HEIGHT


def ring(cycle: Any) -> Ring | None:
    """Of an anomaly's ``data["cycle"]`` (checkers/txn/tell.py); None for what is none, or too long to draw."""
    if not isinstance(cycle, list) or not 2 <= len(cycle) <= BOXES_MAX:
        return None
    if not all(isinstance(part, Mapping) for part in cycle):
        return None
    parts = [
        {name: str(part.get(name, "")) for name in ("txn", "who", "when", "micro", "edge", "key", "why")}
        for part in cycle
    ]
    n = len(parts)
    centres, height = _places(n)
    boxes = [_box(part, *centre) for part, centre in zip(parts, centres, strict=True)]
    arrows = []
    for number, part in enumerate(parts):
        here, there = centres[number], centres[(number + 1) % n]
        arrows.append(_curve(part, here, there) if n == 2 else _straight(part, here, there))
    names = [part["txn"] for part in parts]
    steps = [
        f"{a} before {b} ({part['edge']})"
        for a, b, part in zip(names, [*names[1:], names[0]], parts, strict=True)
    ]
    legend = [(kind, meaning) for kind, meaning in KINDS.items() if any(a.kind == kind for a in arrows)]
    return Ring(WIDTH, height, boxes, arrows, f"A cycle of {n} transactions: {', '.join(steps)}.", legend)


def _places(n: int) -> tuple[list[tuple[float, float]], int]:
    """Centres of the boxes, clockwise from the top (of two: left and right), and the height of the picture."""
    if n == 2:
        return [(BOX_WIDTH / 2 + 10, 110.0), (WIDTH - BOX_WIDTH / 2 - 10, 110.0)], 220
    across, down = WIDTH / 2 - BOX_WIDTH / 2 - 12, 70.0 + 26 * n
    middle = down + BOX_HEIGHT / 2 + 8
    turns = [2 * pi * i / n - pi / 2 for i in range(n)]
    return [(WIDTH / 2 + across * cos(t), middle + down * sin(t)) for t in turns], round(2 * middle)


def _box(part: Mapping[str, str], x: float, y: float) -> Box:
    lines = [_cut(part["micro"]), _cut(part["when"])]
    who = _cut(f"{part['txn']}  {part['who']}")
    title = f"{part['txn']}: {part['who']}, {part['when']}: {part['micro']}"
    return Box(who, round(x - BOX_WIDTH / 2), round(y - BOX_HEIGHT / 2), lines, title)


def _cut(text: str) -> str:
    return text if len(text) <= LINE_CHARS else f"{text[: LINE_CHARS - 1]}\u2026"


def _curve(part: Mapping[str, str], here: tuple[float, float], there: tuple[float, float]) -> Arrow:
    """Of two boxes: there above, and back below."""
    side = -1 if here[0] < there[0] else 1
    (x1, y), (x2, _) = here, there
    start, end = y + side * (BOX_HEIGHT / 2 + GAP), y + side * (BOX_HEIGHT / 2 + GAP)
    bend = y + side * 105
    path = f"M{x1:.0f} {start:.0f} C{x1:.0f} {bend:.0f} {x2:.0f} {bend:.0f} {x2:.0f} {end:.0f}"
    return _arrow(part, path, (x1 + x2) / 2, y + side * 86)


def _straight(part: Mapping[str, str], here: tuple[float, float], there: tuple[float, float]) -> Arrow:
    (x1, y1), (x2, y2) = _edge(here, there), _edge(there, here)
    return _arrow(part, f"M{x1:.0f} {y1:.0f} L{x2:.0f} {y2:.0f}", (x1 + x2) / 2, (y1 + y2) / 2)


def _edge(here: tuple[float, float], there: tuple[float, float]) -> tuple[float, float]:
    """Where the line from one centre to the other leaves the box, and a little further."""
    dx, dy = there[0] - here[0], there[1] - here[1]
    share = min(
        BOX_WIDTH / 2 / abs(dx) if dx else 1.0, BOX_HEIGHT / 2 / abs(dy) if dy else 1.0
    ) + GAP / hypot(dx, dy)
    return here[0] + dx * share, here[1] + dy * share


def _arrow(part: Mapping[str, str], path: str, x: float, y: float) -> Arrow:
    kind, key = part["edge"], part["key"]
    label = f"{kind} {key}" if 0 < len(key) <= KEY_CHARS else kind
    return Arrow(path, kind, label, round(x), round(y), 16 + 8 * len(label), part["why"])

"""Statistics of predictions in plain loops."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence


def naive_errors(pairs: Sequence[tuple[float, float | None]]) -> list[float]:
    errors = []
    for measured, predicted in pairs:
        if predicted is None or not predicted > 0:
            errors.append(1.0)
        else:
            errors.append(abs(predicted - measured) / measured)
    return errors


def naive_tau(a: Sequence[float], b: Sequence[float]) -> float | None:
    agree = differ = level_a = level_b = pairs = 0
    for i in range(len(a)):
        for j in range(i):
            pairs += 1
            level_a += a[i] == a[j]
            level_b += b[i] == b[j]
            agree += (a[i] - a[j]) * (b[i] - b[j]) > 0
            differ += (a[i] - a[j]) * (b[i] - b[j]) < 0
    if level_a == pairs or level_b == pairs:
        return None
    return (agree - differ) / math.sqrt((pairs - level_a) * (pairs - level_b))


def naive_interval(values: Sequence[float], figure: Callable[[list[float]], float]) -> tuple[float, float]:
    draw = random.Random(7)
    found = sorted(figure([draw.choice(values) for _ in values]) for _ in range(2000))
    return found[100], found[1899]

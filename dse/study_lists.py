"""Rules of the lists and tables of a study file: what they hold, and how many."""

from __future__ import annotations

from dse.errors import shown
from dse.study_rules import Context, Rule, StudyName

MOST_WORKLOADS = 64
MOST_OBJECTIVES = 6
MOST_FILES = 16
MOST_CANDIDATES = 64
MOST_BASELINES = 8  #: as many colours and shapes as people can tell apart


class Workloads(Rule):
    """The mix."""

    scalar = False

    def _clean(self, value: object, context: Context) -> object:
        if not isinstance(value, list | tuple) or not 1 <= len(value) <= MOST_WORKLOADS:
            raise ValueError(f"expected a list of 1 to {MOST_WORKLOADS} workloads, got {shown(value)}{_size(value)}")
        return tuple(value)


class Baselines(Rule):
    """Published accelerators to draw on the front."""

    scalar = False

    def _clean(self, value: object, context: Context) -> tuple[str, ...]:
        return _names(value, MOST_BASELINES, "a list of published accelerators such as [h100]")


class HardwareFiles(Rule):
    """Files of accelerators."""

    scalar = False

    def _clean(self, value: object, context: Context) -> tuple[str, ...]:
        return _names(value, MOST_FILES, "a list of hardware files such as [my-chips.yaml]")


def _names(value: object, most: int, what: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) > most:
        raise ValueError(f"expected {what}, at most {most}, got {shown(value)}{_size(value)}")
    for name in value:
        if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > 4096:
            raise ValueError(f"expected {what}, got {shown(name)} in it")
    return tuple(value)


class Constraints(Rule):
    """Limits on columns, as texts."""

    scalar = False

    def _clean(self, value: object, context: Context) -> tuple[str, ...]:
        if not isinstance(value, list | tuple) or len(value) > 256:
            raise ValueError(f'expected a list such as ["ttft <= 2 s"], got {shown(value)}{_size(value)}')
        return tuple(value)


class Candidates(Rule):
    """Designs with a name: name -> axis -> value."""

    scalar = False

    def _clean(self, value: object, context: Context) -> object:
        form = "names with the values of their axes, such as {small: {compute: 50 TFLOP/s, dram: 16 GB}}"
        if not isinstance(value, dict) or len(value) > MOST_CANDIDATES:
            raise ValueError(f"expected at most {MOST_CANDIDATES} {form}, got {shown(value)}")
        for name, axes in value.items():
            StudyName().check(name, context)
            if name.isdigit() or "=" in name:
                raise ValueError(f"expected a name that is no number, got {shown(name)}")
            if not isinstance(axes, dict) or not axes:
                raise ValueError(f"{name}: expected {form}, got {shown(axes)}")
            plain = [key for key, one in axes.items() if type(one) in (str, int, float)]
            wrong = [key for key in axes if key not in plain]
            if wrong:
                raise ValueError(f"{name}: {wrong[0]}: expected one value, got {shown(axes[wrong[0]])}")
        return value


class Objectives(Rule):
    """Columns and their directions."""

    scalar = False

    def _clean(self, value: object, context: Context) -> object:
        if not isinstance(value, dict):
            raise ValueError(f"expected columns and directions such as {{tpot_s: min}}, got {shown(value)}")
        if not 1 <= len(value) <= MOST_OBJECTIVES:
            raise ValueError(f"expected 1 to {MOST_OBJECTIVES} objectives, got {len(value)}")
        return value


def _size(value: object) -> str:
    return f" of {len(value)}" if isinstance(value, list | tuple) and value else ""

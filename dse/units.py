"""Quantities as people write them ("25 GB/s") to numbers in the product's own units, and back.

The units are pint's, from a registry that holds only what a study needs, in exact fractions: "25 GB/s" is 25000000000.0
byte/s to the last bit. FLOP (a count), token and USD are dimensions of their own, so a rate of one never passes for a
rate of another. GB = 10^9 bytes, GiB = 2^30. A year has 365.25 days.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dse.errors import shown

if TYPE_CHECKING:
    import pint

#: Longest text that can be a quantity [characters].
MAX_TEXT = 64
#: Digits of a quantity beyond which nobody wrote them by hand.
MOST_DIGITS = 8

_PREFIXES = (
    *("femto- = 1e-15 = f-", "pico- = 1e-12 = p-", "nano- = 1e-9 = n-", "micro- = 1e-6 = u- = µ- = μ-"),
    *("milli- = 1e-3 = m-", "centi- = 1e-2 = c-", "kilo- = 1e3 = k-", "mega- = 1e6 = M-", "giga- = 1e9 = G-"),
    *("tera- = 1e12 = T-", "peta- = 1e15 = P-", "exa- = 1e18 = E-"),
    *("kibi- = 1024 = Ki-", "mebi- = 1048576 = Mi-", "gibi- = 1073741824 = Gi-", "tebi- = 1099511627776 = Ti-"),
)
_UNITS = (
    *("second = [time] = s = sec", "minute = 60 * second = min", "hour = 3600 * second = h = hr"),
    *("day = 86400 * second = d", "week = 604800 * second", "year = 31557600 * second = yr"),
    *("joule = [energy] = J", "watt = joule / second = W", "watt_hour = 3600 * joule = Wh", "hertz = 1 / second = Hz"),
    *("bit = [information]", "byte = 8 * bit = B", "flop = [computation] = FLOP", "token = [token] = tok"),
    "request = [request] = req",
    *("USD = [currency] = usd", "meter = [length] = m", "gram = [mass] = g", "tonne = 1000000 * gram"),
)
# unit -> what to call a quantity of this kind, and an example of one
_KINDS = {
    "byte": ("capacity", "16 GB"),
    "byte/s": ("bandwidth", "25 GB/s"),
    "flop": ("number of operations", "2 TFLOP"),
    "flop/s": ("compute rate", "50 TFLOP/s"),
    "second": ("time", "2 s"),
    "watt": ("power", "30 W"),
    "joule": ("energy", "3.6 MJ"),
    "joule/token": ("energy per token", "0.5 J/token"),
    "USD": ("price", "450 USD"),
    "USD/joule": ("price of electricity", "0.15 USD/kWh"),
    "USD/token": ("cost per token", "0.2 USD/Mtoken"),
    "USD/byte": ("price of memory", "12 USD/GB"),
    "token": ("number of tokens", "200000 token"),
    "token/s": ("token rate", "200000 token/day"),
    "request/s": ("arrival rate", "4 request/s"),
    "gram": ("mass", "120 kg"),
    "gram/token": ("mass per token", "40 g/Mtoken"),
    "meter": ("length", "10 mm"),
    "mm**2": ("area", "400 mm**2"),
}
_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
_FACTOR = r"[A-Za-zµμ_]+(?:(?:\*\*|\^)-?[1-4])?|1(?=/)"
_UNIT_EXPRESSION = rf"(?:{_FACTOR})(?:(?: ?[*/] ?| )(?:{_FACTOR})){{0,5}}"
_QUANTITY = re.compile(rf"({_NUMBER}) ?({_UNIT_EXPRESSION})?")
_NO_UNIT = frozenset({"", "1", "dimensionless"})


class UnitError(ValueError):
    """A text is not the quantity that is expected; the message says what was expected and what was given."""


@lru_cache(maxsize=1)
def _registry() -> pint.UnitRegistry[Any]:
    import pint

    registry: pint.UnitRegistry[Any] = pint.UnitRegistry(None, non_int_type=Fraction)
    for definition in (*_PREFIXES, *_UNITS):
        registry.define(definition)
    return registry


@lru_cache(maxsize=4096)
def _parsed(unit: str) -> tuple[Fraction, tuple[tuple[str, int], ...]] | None:
    """Size of a unit in base units and its dimensions; None where the unit is not known."""
    import pint

    if unit in _NO_UNIT:
        return Fraction(1), ()
    registry = _registry()
    text = unit.replace("²", "**2").replace("^", "**")
    if not re.fullmatch(_UNIT_EXPRESSION, text):
        return None
    try:
        base = registry.Quantity(Fraction(1), registry.parse_units(text)).to_base_units()
    except (pint.PintError, AttributeError, ValueError, TypeError, ArithmeticError, SyntaxError):
        return None
    dimensions = tuple(sorted((str(name), int(str(power))) for name, power in base.dimensionality.items() if power))
    return Fraction(base.magnitude), dimensions


def is_unit(unit: str) -> bool:
    """Whether this module knows a unit."""
    return _parsed(unit) is not None


def convertible(unit: str, other: str) -> bool:
    """Whether quantities in one unit can be expressed in the other; False if either is not known."""
    one, two = _parsed(unit), _parsed(other)
    return one is not None and two is not None and one[1] == two[1]


@lru_cache(maxsize=256)
def kind_of(unit: str) -> tuple[str, str]:
    """What a quantity in this unit is called, and an example: ``("bandwidth", "25 GB/s")``."""
    dimensions = _known(unit)[1]
    for known, kind in _KINDS.items():
        if _known(known)[1] == dimensions:
            return kind
    return (f"quantity in {unit}", f"2 {unit}") if dimensions else ("plain number", "0.6")


def _known(unit: str) -> tuple[Fraction, tuple[tuple[str, int], ...]]:
    parsed = _parsed(unit)
    if parsed is None:
        raise LookupError(f"unit {unit!r} is not defined in dse/units.py")
    return parsed


def unit_size(unit: str) -> tuple[Fraction, tuple[tuple[str, int], ...]]:
    """Size of a unit in base units, and its dimensions.

    Raises
    ------
    LookupError
        If it is not known.
    """
    return _known(unit)


def split_quantity(text: object) -> tuple[str, str] | None:
    """The number and the unit (possibly empty) of a text that has the form of a quantity; None for anything else."""
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        return None
    match = _QUANTITY.fullmatch(" ".join(text.replace("²", "**2").split()))
    return (match[1], match[2] or "") if match else None


def parse_quantity(text: object, unit: str) -> float:
    """Read a quantity as people write it.

    Parameters
    ----------
    text : object
        A decimal number and a unit, as ``"25 GB/s"``; anything else is refused.
    unit : str
        Unit of the result; ``"1"`` for a plain number.

    Returns
    -------
    float
        The float nearest to the exact magnitude [unit].

    Raises
    ------
    UnitError
        If `text` is not a finite quantity of this kind.
    LookupError
        If `unit` itself is not known (a mistake of the caller, not of a user).
    """
    size, dimensions = _known(unit)
    kind, example = kind_of(unit)
    split = split_quantity(text)
    if split is None:
        raise UnitError(_refusal(text, example))
    number, given = split
    parsed = _parsed(given)
    if parsed is None:
        raise UnitError(f'expected a quantity such as "{example}", got {shown(text)}: {_unknown_unit(given, unit)}')
    if parsed[1] != dimensions:
        what = "no unit" if not given else _with_article(kind_of(given)[0])
        hint = _flops_hint(given)
        raise UnitError(f'expected {_with_article(kind)} such as "{example}", got {shown(text)} ({what}){hint}')
    try:
        value = float(Fraction(number) * parsed[0] / size)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise UnitError(f'expected {_with_article(kind)} such as "{example}", got {shown(text)} (too large)')
    return value


def _refusal(text: object, example: str) -> str:
    reason = ""
    if isinstance(text, int | float) and not isinstance(text, bool):
        reason = " (no unit)" if math.isfinite(text) else " (not a finite number)"
    elif isinstance(text, str) and len(text) > MAX_TEXT:
        reason = " (too long)"
    return f'expected a quantity such as "{example}", got {shown(text)}{reason}'


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _flops_hint(given: str) -> str:
    return '; write a rate as "FLOP/s"' if re.fullmatch(r"[A-Za-z]?flops?", given, re.IGNORECASE) else ""


def _unknown_unit(given: str, unit: str) -> str:
    """The part of a unit expression that is not known, with the nearest spelling that is."""
    if re.fullmatch(r"[A-Za-z]?flops", given, re.IGNORECASE):
        return f'unknown unit "{given}"; write a rate as "FLOP/s"'
    names = re.findall(r"[A-Za-zµμ_]+", given)
    wrong = next((name for name in names if _parsed(name) is None), given)
    guesses = [guess for guess in _spellings() if guess.casefold() == wrong.casefold()]
    guess = f' (did you mean "{guesses[0]}"?)' if guesses else ""
    return f'unknown unit "{wrong}"{guess}'


@lru_cache(maxsize=1)
def _spellings() -> tuple[str, ...]:
    prefixes = ("", "k", "M", "G", "T", "P", "m", "u", "n", "p", "Ki", "Mi", "Gi", "Ti")
    units = ("B", "FLOP", "s", "W", "Wh", "J", "USD", "token", "g", "byte", "bit", "hour", "day", "year", "Hz")
    return tuple(prefix + unit for unit in units for prefix in prefixes)


def format_quantity(value: float, unit: str) -> str:
    """Write a number for people, with three significant digits and a fitting prefix.

    Parameters
    ----------
    value : float
        Magnitude [unit].
    unit : str
        One of the product's units, as ``"byte/s"``, ``"second"``, ``"USD/joule"``; ``"1"`` for none.

    Returns
    -------
    str
        As ``"25 GB/s"``; bytes that are a round binary number as ``"2 MiB"``.
    """
    if unit in _NO_UNIT:
        return _digits(value)
    if not math.isfinite(value) or not (value == 0 or 1e-60 < abs(value) < 1e60):
        return f"{_digits(value)} {unit}"
    size = _known(unit)[0]
    amount = float(Fraction(value) * size)
    for base, steps in _SHOWN.items():
        if convertible(unit, base):
            if base == "byte" and (binary := _binary_bytes(value * float(size) / 8.0)):
                return binary
            return _scaled(amount / float(_known(base)[0]), steps)
    return f"{_digits(value)} {unit}"


# base unit -> how to show it: (size in the base unit, text), ascending
_METRIC = ((1e-12, "p"), (1e-9, "n"), (1e-6, "u"), (1e-3, "m"), (1.0, ""))
_LARGE = ((1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T"), (1e15, "P"), (1e18, "E"))
_SHOWN: dict[str, tuple[tuple[float, str], ...]] = {
    "byte": tuple((size, f"{prefix}B") for size, prefix in _LARGE),
    "byte/s": tuple((size, f"{prefix}B/s") for size, prefix in _LARGE),
    "flop": tuple((size, f"{prefix}FLOP") for size, prefix in _LARGE),
    "flop/s": tuple((size, f"{prefix}FLOP/s") for size, prefix in _LARGE),
    "second": (
        *((size, f"{prefix}s") for size, prefix in _METRIC[1:]),
        (60.0, "min"),
        (3600.0, "hour"),
        (86400.0, "day"),
        (31557600.0, "year"),
    ),
    "watt": tuple((size, f"{prefix}W") for size, prefix in (*_METRIC, *_LARGE[1:])),
    "joule": tuple((size, f"{prefix}J") for size, prefix in (*_METRIC, *_LARGE[1:])),
    "joule/token": tuple((size, f"{prefix}J/token") for size, prefix in (*_METRIC, *_LARGE[1:])),
    "USD/joule": ((1 / 3.6e6, "USD/kWh"),),
    "USD/token": ((1e-6, "USD/Mtoken"),),
    "gram/token": ((1e-6, "g/Mtoken"),),
    "gram": ((1e-3, "mg"), (1.0, "g"), (1e3, "kg"), (1e6, "tonne")),
    "USD": ((1.0, "USD"),),
    "token/s": ((1.0, "token/s"),),
    "request/s": ((1.0, "request/s"),),
    "mm**2": ((1.0, "mm**2"),),
}


def _digits(value: float) -> str:
    """Three significant digits, without an exponent where people expect none."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    if 1e-4 <= abs(value) < 1e6:
        decimals = max(0, 2 - math.floor(math.log10(abs(float(f"{value:.2e}")))))
        text = f"{float(f'{value:.2e}'):.{decimals}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.3g}"


def _scaled(amount: float, steps: tuple[tuple[float, str], ...]) -> str:
    chosen = steps[0] if amount else next((step for step in steps if step[0] == 1.0), steps[0])
    for step in steps:
        if abs(float(f"{amount / step[0]:.2e}")) >= 1.0:
            chosen = step
    digits, name = _digits(amount / chosen[0]), chosen[1]
    return f"{digits} {name}{'s' if name in ('hour', 'day', 'year') and digits != '1' else ''}"


def _binary_bytes(count: float) -> str:
    """``"2 MiB"`` where the count of bytes is a short number of a binary unit and not of a decimal one."""
    if count < 2**20 or count % 2**20:
        return ""
    for power, name in ((40, "TiB"), (30, "GiB"), (20, "MiB")):
        amount = count / 2**power
        if amount >= 1 and float(_digits(amount)) == amount:
            return f"{_digits(amount)} {name}"
    return ""


def exact_quantity(value: float, unit: str) -> str:
    """Write a number so that `parse_quantity` gives back every bit of it, short where that is possible."""
    if unit in _NO_UNIT or (value != 0 and not 1e-60 < abs(value) < 1e60):
        return f"{value!r} {'' if unit in _NO_UNIT else unit}".strip()
    texts = [format_quantity(value, unit)]
    if convertible(unit, "token/day"):
        texts.append(f"{_digits(float(Fraction(value) * _known(unit)[0] / _known('token/day')[0]))} token/day")
    for text in texts:
        if split_quantity(text) and parse_quantity(text, unit) == value:
            return text
    return f"{value!r} {unit}"


def level_text(value: object) -> str:
    """Write a level of an axis for people: a number or quantity with all its digits, as ranges have them, shorter."""
    if isinstance(value, float):
        return f"{value:.6g}"
    split = split_quantity(value)
    if split is None or not split[1] or len(split[0]) <= MOST_DIGITS:
        return str(value)
    return format_quantity(float(split[0]), split[1])

"""Typed access to the fields of a model configuration: every wrong value becomes one ConfigError that names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LARGEST = 10**7
"""No dimension of a published model comes near this: larger values are typing errors."""

MOST_LAYERS = 10_000
"""No published model has a tenth of these layers."""

Flag = bool | tuple[str, bool]
"""A property of a family: fixed, or read from a field (name, value where the config is silent)."""


class ConfigError(ValueError):
    """A model configuration that cannot be read; the message names the field."""


@dataclass
class Reader:
    """The fields of a config, under the names of its family.

    A field may be given as alternatives ``"num_experts|num_local_experts"``; those present must agree.

    Attributes
    ----------
    config : mapping
        The parsed configuration.
    keys : mapping
        The family's names of usual fields (``{"hidden_size": "n_embd"}``), alternatives allowed.
    defaults : mapping
        The family's documented values of fields a config may leave out.
    where : str
        Prefix of field names in messages (``text_config.``).
    used : set of str
        Names of the fields that were read, so that what nobody read can be found.
    defaulted : dict
        Fields of `defaults` that were needed, with their values.
    derived : dict
        Values of usual fields that a family states in another way; they win.
    """

    config: Mapping[str, Any]
    keys: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""
    used: set[str] = field(default_factory=set)
    defaulted: dict[str, Any] = field(default_factory=dict)
    derived: dict[str, Any] = field(default_factory=dict)

    def _names(self, field_name: str) -> list[str]:
        plain = field_name.split("|")
        names = [alias for name in plain for alias in self.keys.get(name, name).split("|")]
        return list(dict.fromkeys([*names, *plain]))

    def shown(self, field_name: str) -> str:
        """Return how messages name a field: as the config would."""
        names = self._names(field_name)
        present = [name for name in names if self.config.get(name) is not None]
        return f'"{self.where}{(present or names)[0]}"'

    def raw(self, field_name: str) -> Any:
        """Return a field's value, or the family's documented default, or None.

        Raises
        ------
        ConfigError
            If alternatives contradict each other.
        """
        names = self._names(field_name)
        self.used.update(names)
        if field_name in self.derived:
            return self.derived[field_name]
        given = {name: self.config[name] for name in names if self.config.get(name) is not None}
        values = list(given.values())
        if any(value != values[0] for value in values[1:]):
            told = ", ".join(f'"{self.where}{name}" = {_short(value)}' for name, value in given.items())
            raise ConfigError(f"contradictory fields: {told}")
        if values:
            return values[0]
        for name in names:
            if name in self.defaults:
                self.defaulted[name] = self.defaults[name]
                return self.defaults[name]
        return None

    def has(self, field_name: str) -> bool:
        """Whether the config itself (not the family's defaults) gives a field a value."""
        names = self._names(field_name)
        self.used.update(names)
        return any(self.config.get(name) is not None for name in names)

    def count(self, field_name: str, default: int | None = None, *, least: int = 1, most: int = LARGEST) -> int:
        """Return a whole number from `least` to `most`.

        Raises
        ------
        ConfigError
            If it is missing without a default, or anything else.
        """
        value = self.raw(field_name)
        if value is None:
            value = default
        if value is None:
            raise ConfigError(f"missing {self.shown(field_name)}")
        return self._checked(self.shown(field_name), value, least, most)

    def optional_count(self, field_name: str) -> int:
        """Return a whole number, 0 where the field is absent, null or false."""
        value = self.raw(field_name) if field_name else None
        return 0 if value is None or value is False else self._checked(self.shown(field_name), value, 0, LARGEST)

    def _checked(self, shown: str, value: Any, least: int, most: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ConfigError(f"{shown}: expected a whole number from {least} to {most:,}, got {_short(value)}")
        return value

    def number(self, field_name: str, default: float) -> float:
        """Return a positive number.

        Raises
        ------
        ConfigError
            If it is anything else.
        """
        value = self.raw(field_name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LARGEST:
            raise ConfigError(f"{self.shown(field_name)}: expected a positive number, got {_short(value)}")
        return float(value)

    def switch(self, field_name: str, default: bool) -> bool:
        """Return true or false.

        Raises
        ------
        ConfigError
            If it is anything else.
        """
        value = self.raw(field_name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise ConfigError(f"{self.shown(field_name)}: expected true or false, got {_short(value)}")
        return value

    def flag(self, flag: Flag) -> bool:
        """Return a family's flag: itself, or what the config says."""
        return flag if isinstance(flag, bool) else self.switch(*flag)

    def text(self, field_name: str, default: str = "") -> str:
        """Return a text.

        Raises
        ------
        ConfigError
            If it is anything else.
        """
        value = self.raw(field_name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise ConfigError(f"{self.shown(field_name)}: expected a text, got {_short(value)}")
        return value

    def nested(self, field_name: str) -> Reader:
        """Return a reader of the JSON object in a field, empty if absent.

        Raises
        ------
        ConfigError
            If it is anything else.
        """
        value = self.raw(field_name)
        if value is not None and not isinstance(value, Mapping):
            raise self.error(field_name, "a JSON object")
        return Reader(value or {}, where=f"{self.where}{field_name}.")

    def layers(self) -> int:
        """Return the number of layers."""
        return self.count("num_hidden_layers", most=MOST_LAYERS)

    def per_layer(self, field_name: str, spare: int = 0) -> list[Any] | None:
        """Return a list with one entry per layer, or None if the field is absent.

        Parameters
        ----------
        field_name : str
        spare : int
            Entries allowed beyond the layers (of prediction blocks that are no part of the model).

        Raises
        ------
        ConfigError
            If it is no list or has another length.
        """
        value = self.raw(field_name)
        if value is None:
            return None
        layers = self.layers()
        if not isinstance(value, list):
            raise ConfigError(f"{self.shown(field_name)}: expected a list, got {_short(value)}")
        if not layers <= len(value) <= layers + spare:
            raise ConfigError(
                f"{self.shown(field_name)} has {len(value)} entries, but {self.shown('num_hidden_layers')} is {layers}"
            )
        return value[:layers]

    def layer_numbers(self, field_name: str) -> frozenset[int]:
        """Return a list of layer numbers (from 0), empty if absent.

        Raises
        ------
        ConfigError
            If it is no list of layer numbers.
        """
        value = self.raw(field_name)
        if value is None:
            return frozenset()
        layers = self.layers()
        if not isinstance(value, list) or not all(type(v) is int and 0 <= v < layers for v in value):
            raise ConfigError(
                f"{self.shown(field_name)}: expected a list of layer numbers below {layers}, got {_short(value)}"
            )
        return frozenset(value)

    def error(self, field_name: str, expected: str) -> ConfigError:
        """Return an error about a field's value."""
        return ConfigError(f"{self.shown(field_name)}: expected {expected}, got {_short(self.raw(field_name))}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

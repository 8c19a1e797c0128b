"""Take typed values out of parsed TOML, and refuse keys that nothing takes."""

from collections.abc import Mapping, Sequence
from typing import Any

from serbench import BadParameter, nearest
from serbench.escaping import shown

MISSING = object()


class Fields:
    """The keys of a parsed file; a key in a table is written with a dot: "counts.speakers"."""

    def __init__(self, stored: Mapping[str, Any]):
        self._stored = stored

    def _take(self, key: str) -> Any:
        table, _, inner = key.partition(".")
        value = self._stored.get(table, MISSING)
        if not inner or value is MISSING:
            return value
        if not isinstance(value, dict):
            raise _wrong(table, "a table of keys and values", value)
        return value.get(inner, MISSING)

    def has(self, key: str) -> bool:
        """Return whether the key is there."""
        return self._take(key) is not MISSING

    def is_list(self, key: str) -> bool:
        """Return whether the value is a list."""
        return isinstance(self._take(key), list)

    def is_table(self, key: str) -> bool:
        """Return whether the value is a table."""
        return isinstance(self._take(key), dict)

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text of one line; without a default, it must be there."""
        value = self._take(key)
        if value is MISSING:
            if default is None:
                raise BadParameter(f"{key} is missing: add {key} = '...'")
            return default
        return _line(key, value)

    def choice(self, key: str, choices: Sequence[str]) -> Any:
        """Return one of a few texts, the first if it is not there."""
        text = self.text(key, choices[0])
        if text not in choices:
            raise BadParameter(str(nearest(key, text, choices)))
        return text

    def flag(self, key: str) -> bool:
        """Return true or false; false if it is not there."""
        value = self._take(key)
        if value is MISSING:
            return False
        if not isinstance(value, bool):
            raise _wrong(key, "true or false", value)
        return value

    def number(self, key: str) -> int:
        """Return a whole number above 0; 0 if it is not there."""
        value = self._take(key)
        return 0 if value is MISSING else _number(key, value)

    def list(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; empty if it is not there."""
        value = self._take(key)
        if value is MISSING:
            return ()
        if not isinstance(value, list):
            raise _wrong(key, 'a list of texts, ["one", "two"]', value)
        return tuple(_line(key, item) for item in value)

    def keys_of(self, key: str) -> tuple[str, ...]:
        """Return the keys of a table; empty if it is not there."""
        return tuple(self._table(key))

    def texts(self, key: str) -> Mapping[str, str]:
        """Return a table of texts; empty if it is not there."""
        return {name: _line(f"{key}.{name}", value) for name, value in self._table(key).items()}

    def lists(self, key: str) -> Mapping[str, tuple[str, ...]]:
        """Return a table of texts and lists of texts, all as lists; empty if it is not there."""
        return {
            name: (
                tuple(_line(f"{key}.{name}", item) for item in value)
                if isinstance(value, list)
                else (_line(f"{key}.{name}", value),)
            )
            for name, value in self._table(key).items()
        }

    def numbers(self, key: str) -> Mapping[str, int]:
        """Return a table of whole numbers above 0; empty if it is not there."""
        return {name: _number(f"{key}.{name}", value) for name, value in self._table(key).items()}

    def _table(self, key: str) -> Mapping[str, Any]:
        value = self._take(key)
        if value is MISSING:
            return {}
        if not isinstance(value, dict):
            raise _wrong(key, "a table of keys and values", value)
        return value

    def require_known(self, keys: Mapping[str, Sequence[str]]) -> None:
        """Refuse the first unknown key.

        Args:
            keys: from each key to those of its table; none if the table may have any.

        Raises:
            BadParameter: the message has the most similar keys.
        """
        for key, value in self._stored.items():
            if key not in keys:
                raise BadParameter(str(nearest("key", key, list(keys))))
            for inner in value if isinstance(value, dict) and keys[key] else ():
                if inner not in keys[key]:
                    raise BadParameter(str(nearest("key", inner, keys[key], where=f"in [{key}]")))


def _line(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong(key, "a text", value)
    if not value.isprintable():
        raise BadParameter(f"{key} has line breaks or invisible characters: write it on one line")
    return value


def _number(key: str, value: object) -> int:
    if type(value) is not int or value < 1:
        raise _wrong(key, "a whole number above 0", value)
    return value


def _wrong(key: str, expected: str, value: object) -> BadParameter:
    return BadParameter(f"{key} must be {expected}, not {shown(repr(value), 40)}")

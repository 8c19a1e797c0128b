"""Refuse parameters out of range in one line."""

from serbench import BadParameter


def require(name: str, value: float, lowest: float, highest: float) -> None:
    """Refuse a parameter that is not from `lowest` to `highest`.

    Raises:
        BadParameter: it is not.
    """
    if not lowest <= value <= highest:  # false for nan
        raise BadParameter(f"{name} is {value:g}, but must be from {lowest:g} to {highest:g}")

"""Check the name of a new plugin, and derive its package, module and class."""

import builtins
import importlib.util
import keyword
import re
import sys
from dataclasses import dataclass
from importlib import metadata

from serbench import BadParameter
from serbench.plugins import registry

PATTERN = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)
LONGEST = 30  # characters; with more, lines of the package would be too long
RESERVED = ("serbench", "test", "tests")  # a package has a folder `tests` beside its module


@dataclass(frozen=True)
class Name:
    """A name in the three forms that it has in a package.

    Attributes:
        plugin: "my-cnn": the folder, the distribution and what a user types.

    >>> name = Name("my-cnn")
    >>> name.module, name.type
    ('my_cnn', 'MyCnn')
    """

    plugin: str

    @property
    def module(self) -> str:
        """The Python package."""
        return self.plugin.replace("-", "_")

    @property
    def type(self) -> str:
        """The class."""
        return "".join(word.capitalize() for word in self.plugin.split("-"))

    @property
    def forms(self) -> tuple[str, str, str]:
        """All three."""
        return self.plugin, self.module, self.type


def checked(text: str) -> Name:
    """Return the name as typed, if a package of this environment can have it.

    Raises:
        BadParameter: it is not written as a name is, or something else has it.
    """
    if not PATTERN.fullmatch(text) or len(text) > LONGEST:
        raise BadParameter(
            f"{text!r} cannot be the name of a plugin: write lower-case letters, digits and "
            f"hyphens, a letter first, at most {LONGEST} characters, such as my-cnn"
        )
    name = Name(text)
    if owner := _registered(text) or _reserved(name) or _installed(name):
        raise taken(text, owner)
    return name


def taken(text: str, why: str) -> BadParameter:
    """Return the error for a name that something else has."""
    other = f"{text}-2" if text.startswith("my-") else f"my-{text}"
    return BadParameter(f"the name {text!r} is taken: {why}; choose another, such as {other}")


def _registered(text: str) -> str:
    """Describe the plugin that has that name or offers something of that name; "" if none."""
    if text in metadata.entry_points(group="serbench").names:
        return "an installed plugin is called that"
    installed = registry.installed()
    for kind, entries in installed.entries.items():
        if text in entries:
            return f"the plugin {installed.owners[kind, text]} has a {kind} of that name"
    clashing = [name for _, name in installed.clashes]
    return "several plugins have something of that name" if text in clashing else ""


def _reserved(name: Name) -> str:
    """Describe what of Python or of every package has that name; "" if nothing does."""
    if name.module in RESERVED:
        return "every plugin has or uses a module of that name"
    if keyword.iskeyword(name.module) or keyword.iskeyword(name.type):
        return "it is a keyword of Python"
    if name.module in sys.stdlib_module_names:
        return f"Python itself has a module {name.module}"
    if hasattr(builtins, name.type):
        return f"its class would be called {name.type}, as one of Python's own is"
    return ""


def _installed(name: Name) -> str:
    """Describe the installed package that has that name; "" if none does."""
    try:
        return f"{metadata.metadata(name.plugin)['Name']} is installed, a package of that name"
    except metadata.PackageNotFoundError:
        pass
    if importlib.util.find_spec(name.module) is None:
        return ""
    owners = metadata.packages_distributions().get(name.module, ())
    of = f" of the package {owners[0]}" if owners else ""
    return f"there is already a Python module {name.module}{of}"

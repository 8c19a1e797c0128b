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
LONGEST = 30  # characters; a longer name would make lines of the package too long
RESERVED = ("serbench", "test", "tests")  # a package also has the folder `tests`


@dataclass(frozen=True)
class Name:
    """A name in the three forms that a package uses.

    Attributes:
        plugin: "my-cnn": the name of the folder, of the distribution, and for users to type.

    >>> name = Name("my-cnn")
    >>> name.module, name.type
    ('my_cnn', 'MyCnn')
    """

    plugin: str

    @property
    def module(self) -> str:
        """The name of the Python package."""
        return self.plugin.replace("-", "_")

    @property
    def type(self) -> str:
        """The name of the class."""
        return "".join(word.capitalize() for word in self.plugin.split("-"))

    @property
    def forms(self) -> tuple[str, str, str]:
        """All three forms."""
        return self.plugin, self.module, self.type


def checked(text: str) -> Name:
    """Return the name as typed, if a new package in this environment can have it.

    Raises:
        BadParameter: the text is not a valid name, or the name is taken.
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
    """Return the error for a name that is taken."""
    other = f"{text}-2" if text.startswith("my-") else f"my-{text}"
    return BadParameter(f"the name {text!r} is taken: {why}; choose another, such as {other}")


def _registered(text: str) -> str:
    """Describe the plugin that has this name or offers something with this name; "" if none."""
    if text in metadata.entry_points(group="serbench").names:
        return "an installed plugin has that name"
    installed = registry.installed()
    for kind, entries in installed.entries.items():
        if text in entries:
            return f"the plugin {installed.owners[kind, text]} has a {kind} of that name"
    clashing = [name for _, name in installed.clashes]
    return "several plugins have something of that name" if text in clashing else ""


def _reserved(name: Name) -> str:
    """Say why Python or every package reserves this name; "" if neither does."""
    if name.module in RESERVED:
        return "every plugin has or uses a module of that name"
    if keyword.iskeyword(name.module) or keyword.iskeyword(name.type):
        return "it is a keyword of Python"
    if name.module in sys.stdlib_module_names:
        return f"Python itself has a module {name.module}"
    if hasattr(builtins, name.type):
        return f"its class would be {name.type}, the name of a class of Python"
    return ""


def _installed(name: Name) -> str:
    """Describe the installed package or module that has this name; "" if none."""
    try:
        return f"the package {metadata.metadata(name.plugin)['Name']} is installed"
    except metadata.PackageNotFoundError:
        pass
    if importlib.util.find_spec(name.module) is None:
        return ""
    owners = metadata.packages_distributions().get(name.module, ())
    of = f" of the package {owners[0]}" if owners else ""
    return f"there is already a Python module {name.module}{of}"

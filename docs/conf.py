"""The documentation site: what is read on GitHub, built into pages that need no network.

Its source is the repository's root, so that `../leaderboard/README.md` leads to the same place in
both. `make site` builds it into `build/site`.
"""

import re
import shutil
from pathlib import Path

from sphinx.application import Sphinx

from serbench import __version__

ROOT = Path(__file__).resolve().parent.parent

project = "serbench"
release = version = __version__
project_copyright = "the authors of serbench"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

root_doc = "docs/index"
include_patterns = ["docs/**.md", "docs/**.ipynb", "leaderboard/README.md", "CHANGELOG.md"]
# not looked into: environments, tools' caches and what stands in no page
exclude_patterns = [
    ".*",
    "build",
    "dist",
    "plugins",
    "serbench",
    "tests",
    "leaderboard/submissions",
]

myst_heading_anchors = 4  # so that page.md#a-heading leads there, as on GitHub
myst_enable_extensions = ["colon_fence"]

# notebooks are stored without outputs: they are run once for each change of their cells, and after
# `make clean`, for example when serbench itself has changed
nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "build" / "notebooks")
nb_execution_in_temp = True
nb_execution_timeout = 600
nb_execution_raise_on_error = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
add_module_names = False
default_role = "code"  # docstrings write `so`
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# types of Python, numpy and others: their pages are elsewhere, and nothing is fetched
INSIDE = (
    "comparison.differences|comparison.alignment|evaluation.plan|evaluation.kept_models|"
    "report.manifest|results.config|results.fold_schema|results.fold_file|testing.examination|"
    "study.matrix|study.status"
)
nitpick_ignore_regex = [
    ("py:.*", r"(?!serbench).*"),
    ("py:.*", rf"serbench\.({INSIDE})\.\w+"),  # signatures name them; nobody imports them
]

html_theme = "furo"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_title = "serbench"
html_use_index = False
html_domain_indices = False
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False


# what leads to folders: GitHub shows them, a site has no such page
FOLDERS = re.compile(r"\[([^]]*)\]\(submissions/[^)]*\)")
LIST = re.compile(r"```\{toctree\}.*?```\n", re.DOTALL)


def _as_read(app: Sphinx, name: str, source: list[str]) -> None:
    """A page's text as the site has it."""
    if name == "leaderboard/README":
        text = FOLDERS.sub(r"\1", source[0])
        # to be opened, where Sphinx would have it downloaded
        source[0] = text.replace("[index.html](index.html)", '<a href="index.html">index.html</a>')
    tutorials = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
    if name == "docs/tutorials/index" and len(tutorials) == 1:  # an empty list is a warning
        source[0] = LIST.sub("", source[0])


def _literally(app: Sphinx, what: str, name: str, *rest: object) -> None:
    """A docstring's bars are bars, not the marks of a substitution."""
    lines: list[str] = rest[-1]  # type: ignore[assignment]
    lines[:] = [line.replace("|", "\\|") for line in lines]


def _beside_the_pages(app: Sphinx, error: Exception | None) -> None:
    """What is no page of ours: the way in, and the board that can be sorted."""
    if error is None and app.builder.format == "html":
        out = Path(app.outdir)
        (out / "index.html").write_text(
            '<!doctype html><meta charset="utf-8"><title>serbench</title>'
            '<meta http-equiv="refresh" content="0; url=docs/index.html">'
            '<a href="docs/index.html">serbench</a>\n'
        )
        board = out / "leaderboard"
        shutil.copyfile(ROOT / "leaderboard" / "index.html", board / "index.html")
        cards = shutil.ignore_patterns("*.safetensors")  # pages of runs lead to cards
        for name in ("runs", "submissions"):
            shutil.copytree(
                ROOT / "leaderboard" / name, board / name, ignore=cards, dirs_exist_ok=True
            )


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _as_read)
    app.connect("autodoc-process-docstring", _literally)
    app.connect("build-finished", _beside_the_pages)

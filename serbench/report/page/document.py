"""Writes one page on runs that needs nothing but a browser: every picture of it can be asked.

Names and ids come from plugins and corpora, so they are text and nothing else: they travel as JSON,
the page's script puts them into text nodes, and the page's own policy runs no script but those
whose digest it names.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from serbench.report.page.audio import addresses, licence
from serbench.report.page.contents import contents
from serbench.results.run import Run

LIBRARY = "echarts-6.1.0.min.js"
SCRIPTS = ("read.js", "build.js", "charts.js", "views.js", "utterances.js", "page.js")
POLICY = (
    "default-src 'none'; script-src {scripts}; style-src {styles}; img-src data:; "
    "media-src 'self' file: data:; base-uri 'none'; form-action 'none'"
)
MARK = re.compile(r"\[\[(\w+)\]\]")
UNSAFE = {ord(one): f"\\u{ord(one):04x}" for one in "<>&\u2028\u2029"}


def page(
    runs: Sequence[Run], *, audio: Mapping[str, Path] | None = None, embed: bool = False
) -> str:
    """The page: one HTML document, complete in itself, and the same for the same runs.

    Args:
        runs: those to show; of one corpus or of several.
        audio: the files of utterances, by id, as `clips.found` or `clips.chosen` find them; a link
            with a relative path is relative to the page.
        embed: put that audio into the page instead of linking to it.

    Raises:
        SerbenchError: there is no run, one is given twice, or one is damaged.
        CorpusError: audio that is to be put into the page cannot be read.
    """
    files = audio or {}
    shown = contents(
        runs,
        clips=addresses(files, embed),
        licence=licence(runs) if files else "",
    )
    library, style = _asset(LIBRARY), _asset("page.css")
    script = "\n".join(["(() => {", '"use strict";', *map(_asset, SCRIPTS), "})();"])
    parts = {
        "policy": POLICY.format(
            scripts=f"{_digest(library)} {_digest(script)}", styles=_digest(style)
        ),
        "style": style,
        "library": library,
        "script": script,
        "contents": json_in_html(shown),
    }
    # in one pass: what is put in may hold a mark itself
    return MARK.sub(lambda found: parts[found[1]], _asset("page.html"))


def json_in_html(value: object) -> str:
    r"""JSON that no browser takes for anything else, whatever text is in it.

    >>> json_in_html("</script>")
    '"\\u003c/script\\u003e"'
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False).translate(UNSAFE)


def _asset(name: str) -> str:
    path = resources.files("serbench.report").joinpath("assets", name)
    return path.read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """How a policy names a script or style that is in the page."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"

"""Write the page of a report: one HTML document that needs nothing but a browser.

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

from serbench.report.page.audio import licence
from serbench.report.page.data import as_json, page_data
from serbench.results.run import Run

LIBRARY = "echarts-6.1.0.min.js"
SCRIPTS = ("read.js", "build.js", "charts.js", "views.js", "utterances.js", "page.js")
POLICY = (
    "default-src 'none'; script-src {scripts}; style-src {styles}; img-src data:; "
    "media-src 'self' file: data:; base-uri 'none'; form-action 'none'"
)
MARK = re.compile(r"\[\[(\w+)\]\]")
UNSAFE = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def page(runs: Sequence[Run], clips: Mapping[str, str] | None = None) -> str:
    """Return the page, which is the same for the same runs.

    Args:
        runs: those to show; of one corpus or of several.
        clips: the addresses of the audio of utterances, by id, from `audio.links` or
            `audio.embedded`.

    Raises:
        SerbenchError: there is no run, one is given twice, or one is damaged.
    """
    data = page_data(runs, clips or {}, licence(runs) if clips else "")
    library, style = asset(LIBRARY), asset("page.css")
    script = "\n".join(["(() => {", '"use strict";', *map(asset, SCRIPTS), "})();"])
    parts = {
        "policy": POLICY.format(
            scripts=f"{_digest(library)} {_digest(script)}", styles=_digest(style)
        ),
        "style": style,
        "library": library,
        "script": script,
        "contents": json_in_html(data),
    }
    # in one pass: what is put in may contain a mark itself
    return MARK.sub(lambda match: parts[match[1]], asset("page.html"))


def json_in_html(value: object) -> str:
    r"""Return JSON that no browser takes for anything else, whatever text is in it.

    >>> json_in_html("</script>")
    '"\\u003c/script\\u003e"'
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, default=as_json)
    return text.translate(UNSAFE)


def asset(name: str) -> str:
    """Return the text of a file of the page."""
    path = resources.files("serbench.report").joinpath("assets", name)
    return path.read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return the name that a policy has for a script or style in the page."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"

"""Runs the Python blocks of one page, one after the other, in one namespace.

Reads a block a line as JSON, and answers each with what it printed and the error that it ended
with, or "".
"""

import contextlib
import io
import json
import sys
import traceback

import standing_in


def answer(block: dict[str, object], namespace: dict[str, object]) -> dict[str, str]:
    """Run one block; its line numbers are the page's."""
    code = "\n" * int(block["line"]) + standing_in.source(str(block["text"]))
    printed, error = io.StringIO(), ""
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(code, str(block["page"]), "exec"), namespace)
        except BaseException:
            error = traceback.format_exc()
    return {"printed": printed.getvalue(), "error": error}


def main() -> None:
    """Answer every block."""
    sys.path.insert(0, "")  # as in a notebook: what is in the folder can be imported
    namespace: dict[str, object] = {"__name__": "__page__"}
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), namespace)), file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    main()

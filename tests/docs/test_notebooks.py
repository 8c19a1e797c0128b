"""Notebooks: the tutorial runs, and a kernel completes, explains, shows progress and stops.

`make test-docs`, except for what needs no kernel.
"""

import json

import pytest
from running import ROOT

NOTEBOOKS = sorted((ROOT / "docs").rglob("*.ipynb"))
SECONDS = 300  # for one cell
LABELS = ("low", "middle", "high")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_stored_without_outputs(notebook):
    text = notebook.read_text(encoding="utf-8")
    content = json.loads(text)
    assert text == json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    for cell in content["cells"]:
        assert cell["metadata"] == {}
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None), (
                "clear all outputs: they differ from machine to machine, and the site makes its own"
            )


@pytest.fixture
def jupyter(places, tmp_path, monkeypatch):
    """Jupyter in a home of its own, below an empty folder; the results' folder is relative."""
    client = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    for name in ("HOME", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    monkeypatch.delenv("SERBENCH_RESULTS")
    monkeypatch.chdir(tmp_path)
    return client


@pytest.mark.docs
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs(notebook, jupyter):
    import nbformat

    content = nbformat.read(notebook, as_version=4)
    nbformat.validate(content)
    jupyter.NotebookClient(content, timeout=SECONDS).execute()
    outputs = {cell.source: cell.outputs for cell in content.cells if cell.cell_type == "code"}
    audio = 0
    for source, shown in outputs.items():
        assert not [each for each in shown if each.get("name") == "stderr"], source
        pages = [each.data.get("text/html", "") for each in shown if "data" in each]
        audio += sum("<audio" in page for page in pages)
        if "serbench.evaluate(" in source:
            # one line about progress, and one table
            assert len(shown) == 2
            assert shown[0].data["text/plain"].startswith("finished: ")
            assert '<div class="serbench">' in pages[1]
    assert audio == 3


class Kernel:
    """A kernel, and what its user sees."""

    def __init__(self):
        from jupyter_client.manager import start_new_kernel

        self.manager, self.client = start_new_kernel(kernel_name="python3")
        self.pages = []  # each state of each display as HTML

    def answer(self, request):
        """Return the kernel's reply to a request."""
        while True:
            message = self.client.get_shell_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") == request:
                return message["content"]

    def run(self, code, stop_after=None):
        """Run a cell; return its messages, and the text of each state of its display.

        Args:
            code: the cell.
            stop_after: interrupt once the display has this text.
        """
        request, messages, states = self.client.execute(code), [], []
        while True:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind in ("display_data", "update_display_data"):
                states.append(content["data"]["text/plain"])
                self.pages.append(content["data"].get("text/html", ""))
                if stop_after and stop_after in states[-1]:
                    self.manager.interrupt_kernel()
                    stop_after = None
            if kind == "status" and content["execution_state"] == "idle":
                return messages, states
            messages.append((kind, content))

    def shown(self, code):
        """Return the text of a cell's result."""
        messages, _ = self.run(code)
        (result,) = [content for kind, content in messages if kind == "execute_result"]
        return result["data"]["text/plain"]


@pytest.fixture
def kernel(jupyter):
    kernel = Kernel()
    yield kernel
    kernel.manager.shutdown_kernel(now=True)


@pytest.mark.docs
def test_names_are_completed_and_explained_and_start_imports_nothing(kernel):
    assert kernel.shown("import sys, serbench; 'numpy' in sys.modules") == "False"
    assert kernel.answer(kernel.client.complete("serbench.ev"))["matches"] == ["evaluate"]
    names = kernel.answer(kernel.client.complete("serbench."))["matches"]
    assert {"evaluate", "compare", "predict", "read_corpus", "Run"} <= set(names)
    assert "TYPE_CHECKING" not in names
    help_text = kernel.answer(kernel.client.inspect("serbench.evaluate"))["data"]["text/plain"]
    assert "Train and test models on datasets under protocols" in help_text


@pytest.mark.docs
def test_progress_is_one_display_that_ends_as_a_line(kernel):
    messages, states = kernel.run("import serbench; serbench.evaluate('stepper', 'tones')")
    kinds = [kind for kind, _ in messages]
    assert kinds.count("display_data") == 1
    assert "stream" not in kinds
    assert any("fold" in state and "0/3" in state for state in states)
    assert states[-1].startswith("finished: 3 of 3 folds, after ")
    messages, states = kernel.run("run = serbench.evaluate('stepper', 'tones'); run")
    assert states == []  # nothing had to be computed
    assert kernel.shown("repr(run)").startswith("'<Run stepper on tones, ")
    assert kernel.run("serbench.evaluate('dummy', 'tones', listener=serbench.Listener())")[1] == []


@pytest.mark.docs
def test_an_error_or_an_interrupt_leaves_a_line_and_a_kernel_that_goes_on(kernel):
    messages, states = kernel.run("import serbench; serbench.evaluate('faulty', 'tones')")
    (error,) = [content for kind, content in messages if kind == "error"]
    assert error["ename"] == "FoldError"
    assert states[-1].startswith("finished: 2 of 3 folds, after ")
    assert any("failed: ValueError: the model is faulty" in state for state in states)
    slow = "serbench.evaluate('sleeper', 'tones', params={'epochs': 4000})"
    messages, states = kernel.run(slow, stop_after="\nfold")
    (error,) = [content for kind, content in messages if kind == "error"]
    assert error["ename"] == "KeyboardInterrupt"
    assert states[-1].startswith("stopped: 0 of 3 folds are finished")
    assert kernel.run("serbench.evaluate('dummy', 'tones')")[1][-1].startswith("finished: 3 of 3")


@pytest.mark.docs
def test_names_of_folds_are_no_markup(kernel, tmp_path):
    ids = [f"s{n}-{label}-{take}" for n in range(1, 7) for label in LABELS for take in range(4)]
    parts = {"s1": "test", "s2": "validation"}
    rows = [f"<b>1</b>,{parts.get(name[:2], 'train')},{name}" for name in ids]
    (tmp_path / "split.csv").write_text("\n".join(["fold,split,utterance", *rows]) + "\n")
    kernel.run("import serbench; serbench.evaluate('centroid', 'tones', protocol='split.csv')")
    assert any("fold &lt;b&gt;1&lt;/b&gt;" in page for page in kernel.pages)
    assert not any("<b>" in page for page in kernel.pages)

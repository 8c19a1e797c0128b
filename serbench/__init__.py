"""serbench: speech emotion recognition, measured so that the numbers can be compared."""

TYPE_CHECKING = False  # typing takes milliseconds to import, in which Ctrl-C is a traceback
if TYPE_CHECKING:
    from serbench.comparison.result import compare
    from serbench.evaluation.pipeline import evaluate
    from serbench.inference import predict
    from serbench.results.run import Run

__version__ = "0.1.0"
__all__ = ["Run", "__version__", "compare", "evaluate", "predict"]


def __getattr__(name: str) -> object:
    """Import the Python API when it is first asked for, so that the command line starts fast."""
    if name == "evaluate":
        from serbench.evaluation.pipeline import evaluate

        return evaluate
    if name == "compare":
        from serbench.comparison.result import compare

        return compare
    if name == "predict":
        from serbench.inference import predict

        return predict
    if name == "Run":
        from serbench.results.run import Run

        return Run
    raise AttributeError(f"module 'serbench' has no attribute {name!r}")

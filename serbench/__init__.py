"""serbench: speech emotion recognition, measured so that the numbers can be compared.

Import everything from here to evaluate, to read runs and to write a plugin. Names are imported at
first use, so that the command line starts fast.
"""

TYPE_CHECKING = False  # importing typing takes milliseconds, in which Ctrl-C shows a traceback
if TYPE_CHECKING:
    from serbench.comparison.result import compare as compare
    from serbench.contracts import About as About
    from serbench.contracts import Array as Array
    from serbench.contracts import Dataset as Dataset
    from serbench.contracts import DatasetEntry as DatasetEntry
    from serbench.contracts import DetachableEngine as DetachableEngine
    from serbench.contracts import Engine as Engine
    from serbench.contracts import Entry as Entry
    from serbench.contracts import Examples as Examples
    from serbench.contracts import Extractor as Extractor
    from serbench.contracts import Lengths as Lengths
    from serbench.contracts import Link as Link
    from serbench.contracts import Model as Model
    from serbench.contracts import ModelEntry as ModelEntry
    from serbench.contracts import Needs as Needs
    from serbench.contracts import Perturbation as Perturbation
    from serbench.contracts import Predictions as Predictions
    from serbench.contracts import Recording as Recording
    from serbench.contracts import Task as Task
    from serbench.contracts import Wave as Wave
    from serbench.contracts import Workspace as Workspace
    from serbench.contracts import hookimpl as hookimpl
    from serbench.corpus import Corpus as Corpus
    from serbench.corpus import Fold as Fold
    from serbench.corpus import LabelSet as LabelSet
    from serbench.corpus import Protocol as Protocol
    from serbench.corpus import Utterance as Utterance
    from serbench.corpus import held_out as held_out
    from serbench.corpus import speaker_fold as speaker_fold
    from serbench.datasets import read_corpus as read_corpus
    from serbench.errors import BadParameter as BadParameter
    from serbench.errors import CorpusError as CorpusError
    from serbench.errors import FoldError as FoldError
    from serbench.errors import LeakageError as LeakageError
    from serbench.errors import MissingRequirement as MissingRequirement
    from serbench.errors import PluginError as PluginError
    from serbench.errors import SerbenchError as SerbenchError
    from serbench.errors import UnknownName as UnknownName
    from serbench.errors import mention as mention
    from serbench.errors import nearest as nearest
    from serbench.errors import refuse as refuse
    from serbench.errors import refusing as refusing
    from serbench.evaluation.engines.task import run_task as run_task
    from serbench.evaluation.progress.listener import Listener as Listener
    from serbench.files import replacing as replacing
    from serbench.inference import export as export
    from serbench.inference import predict as predict
    from serbench.inspection.check import check_corpus as check_corpus
    from serbench.inspection.description import describe_corpus as describe_corpus
    from serbench.processes import Outcome as Outcome
    from serbench.report.build import write_report as write_report
    from serbench.report.corpus.page import write_corpus_page as write_corpus_page
    from serbench.results.extra_summary import cross_corpus as cross_corpus
    from serbench.results.extra_summary import robustness as robustness
    from serbench.results.run import Run as Run
    from serbench.study.evaluate import evaluate as evaluate
    from serbench.study.leakage import leakage as leakage
    from serbench.study.result import Study as Study

_NAMES = {  # the names above, by module
    "comparison.result": "compare",
    "contracts": "About Array Dataset DatasetEntry DetachableEngine Engine Entry Examples "
    "Extractor Lengths Link Model ModelEntry Needs Perturbation Predictions Recording "
    "Task Wave Workspace "
    "hookimpl",
    "corpus": "Corpus Fold LabelSet Protocol Utterance held_out speaker_fold",
    "datasets": "read_corpus",
    "errors": "BadParameter CorpusError FoldError LeakageError MissingRequirement PluginError "
    "SerbenchError UnknownName mention nearest refuse refusing",
    "evaluation.progress.listener": "Listener",
    "evaluation.engines.task": "run_task",
    "files": "replacing",
    "inference": "export predict",
    "inspection.check": "check_corpus",
    "inspection.description": "describe_corpus",
    "processes": "Outcome",
    "report.build": "write_report",
    "report.corpus.page": "write_corpus_page",
    "results.extra_summary": "cross_corpus robustness",
    "results.run": "Run",
    "study.evaluate": "evaluate",
    "study.leakage": "leakage",
    "study.result": "Study",
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}

__version__ = "0.1.0"
__all__ = ["__version__", *_MODULES]


if not TYPE_CHECKING:  # else type checkers would accept any name

    def __getattr__(name):
        """Import a name at first use."""
        if name not in _MODULES:
            raise AttributeError(f"module 'serbench' has no attribute {name!r}")
        import importlib

        return getattr(importlib.import_module(f"serbench.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES} - {"TYPE_CHECKING"})

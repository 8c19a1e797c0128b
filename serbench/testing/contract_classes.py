"""Base classes for a plugin's tests: every check becomes a test."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from serbench.testing.examination import Check, Examination, require_reasons
from serbench.testing.kinds import KINDS, Kind


class Contract:
    """The base of the six classes.

    Attributes:
        plugin: the name of the plugin.
        params: parameters to check the plugin with.
        params_fixture: the name of a fixture that returns the parameters, instead of `params`.
        expected_failures: for the name of each check that must fail, the reason, a sentence; if
            the check passes, its test fails.
    """

    plugin: ClassVar[str] = ""
    params: ClassVar[Mapping[str, object]] = {}
    params_fixture: ClassVar[str] = ""
    expected_failures: ClassVar[Mapping[str, str]] = {}
    data: ClassVar[Path | str | None] = None
    data_fixture: ClassVar[str] = ""
    complete: ClassVar[Sequence[str]] = ()
    _kind: ClassVar[Kind | None] = None
    _folder: ClassVar[Any] = None
    _examination: ClassVar[Examination | None] = None

    def __init_subclass__(cls, kind: str = "", **options: Any) -> None:
        super().__init_subclass__(**options)
        if kind:
            cls._kind = KINDS[kind]
            for check in cls._kind.checks:
                setattr(cls, f"test_{check.name}", _test(check))
        if cls._kind:
            require_reasons(cls.expected_failures, [check.name for check in cls._kind.checks])

    @classmethod
    def setup_class(cls) -> None:
        """Start a new examination; models are fitted when a test first needs them."""
        cls._folder, cls._examination = tempfile.TemporaryDirectory(), None

    @classmethod
    def teardown_class(cls) -> None:
        """Remove the files that the checks wrote."""
        cls._examination = None
        cls._folder.cleanup()

    @classmethod
    def _examined(cls, fixture: Callable[[str], Any]) -> Examination:
        if cls._examination is None:
            assert cls._kind is not None, "only subclasses of Contract have tests"
            data = fixture(cls.data_fixture) if cls.data_fixture else cls.data
            subject = cls._kind.subject(
                cls.plugin,
                fixture(cls.params_fixture) if cls.params_fixture else cls.params,
                Path(cls._folder.name),
                None if data is None else Path(data),
                cls.complete,
            )
            cls._examination = Examination(
                subject, cls._kind.checks, expected=cls.expected_failures
            )
        return cls._examination


def _test(check: Check) -> Callable[[Contract, Any], None]:
    def test(self: Contract, request: Any) -> None:
        import pytest  # here, since `serbench plugin check` runs without it

        verdict = type(self)._examined(request.getfixturevalue).verdict(check.name)
        if verdict.state == "failed":
            pytest.fail(f"{verdict.name}: {verdict.reason}", pytrace=False)
        if verdict.state == "expected":
            pytest.xfail(verdict.reason)
        if verdict.state == "not run":
            pytest.skip(f"not run: {verdict.reason}")

    test.__name__, test.__doc__ = f"test_{check.name}", check.demands
    return test


class ModelContract(Contract, kind="model"):
    """The checks for a model."""


class FeatureContract(Contract, kind="features"):
    """The checks for a feature."""


class DatasetContract(Contract, kind="dataset"):
    """The checks for a dataset.

    Attributes:
        data: the folder of the corpus. If it is None, the checks that need the corpus are skipped
            unless the corpus is in its usual place; otherwise they must pass.
        data_fixture: the name of a fixture that returns the folder, for example of a look-alike.
        complete: the protocols that test every utterance exactly once.
    """


class PerturbationContract(Contract, kind="perturbation"):
    """The checks for a perturbation."""


class EngineContract(Contract, kind="engine"):
    """The checks for an engine; `params` are its options."""


class PackageContract(Contract, kind="package"):
    """The checks for a package; `plugin` is the name of the package or of its entry point."""

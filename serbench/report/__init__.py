"""Reports on runs: pictures, tables and a page, all from stored predictions."""

from serbench.report.build import report

__all__ = ["report"]

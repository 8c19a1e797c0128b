"""Reports on runs: pictures, tables and a page, from stored predictions."""

from serbench.report.build import write_report

__all__ = ["write_report"]

"""A report on a model: one page that stands for itself."""

from glassnet.visualization.report.writer import report_of, write_report

__all__ = ["report_of", "write_report"]

"""A report on a model as a self-contained HTML page."""

from glassnet.visualization.report.writer import render_report, write_report

__all__ = ["render_report", "write_report"]

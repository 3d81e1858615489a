"""Metrics: functions on predictions and targets, and the registry of those that a training records.

Pure functions on arrays, in scikit-learn's names, without engines, models or files. `registry` holds what
`glassnet.train` can record after every epoch; `classification`, `regression` and `calibration` hold what
`glassnet evaluate`, the report and the server show.
"""

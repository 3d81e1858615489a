"""``glassnet train`` on files that do not fit into memory."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from glassnet.cli.checkpointing import print_warnings, scan_interrupts
from glassnet.cli.console import Output
from glassnet.cli.train_options import VALIDATION_FRACTION, TrainOptions, TrainResult
from glassnet.data import Files, choose_target, explain_target
from glassnet.models.fitting_files import fit_stream, scan_test_files
from glassnet.models.target_rule import TaskChoice, check_task, choose_task
from glassnet.streaming.memory_estimate import available_memory, estimate_memory, fits_in_memory
from glassnet.streaming.profile import DatasetProfile, ScanOptions
from glassnet.streaming.scan import scan_files
from glassnet.training import Callback


def should_stream(output: Output, files: Files, options: TrainOptions) -> bool:
    """Return whether to stream: if asked for, for groups, or if the rows would not fit into memory.

    A warm start never streams.
    """
    if options.warm_start is not None:
        return False
    if options.stream is not None or options.group:
        return bool(options.stream or options.group)
    if fits_in_memory(files.paths):
        return False
    needed = estimate_memory(files.paths) / 1e9
    available = (available_memory() or 0) / 1e9
    output.echo(
        f"the rows need about {needed:.1f} GB, and {available:.1f} GB of memory are free, so they are streamed; "
        "--no-stream reads them into memory all the same"
    )
    return True


def train_streamed(output: Output, files: Files, options: TrainOptions, callbacks: Sequence[Callback]) -> TrainResult:
    """Scan the files, print what is predicted, and train.

    Raises
    ------
    InputError
        If the rows can't be trained on; the file, row and column are named.
    """
    fraction = options.validation_fraction
    if fraction is None:
        fraction = VALIDATION_FRACTION if options.test is None else 0.0
    target = choose_target(files, options.target)
    columns = options.columns.without_ignored()  # they are not read
    scan_options = ScanOptions(target, options.group, fraction, options.on_bad_row, columns=columns)
    with warnings.catch_warnings():
        print_warnings(output)
        with scan_interrupts(output):
            profile = scan_files(files, scan_options, options.cache)
            test = None
            if options.test is not None:  # a column is of the kind that it has in the training rows
                test_files = options.open(options.test, kinds=files.kinds, expected=files.names)
                test = scan_test_files(profile, test_files, options.cache)
        choice = choose_task(profile.target_profile.unique, options.loss or "")
        task = options.task or choice.task
        if options.loss is not None:
            check_task(task, options.loss)
        profiles = [profile] if test is None else [profile, test]
        _print_profile(output, profile, options, choice)
        cache_errors = [each.cache_error for each in profiles if each.cache_error]
        for error in cache_errors:
            output.warn(f"no cache was written, so every epoch reads the files again: {error}")
        model = fit_stream(
            profile,
            hidden=options.hidden,
            activation=options.activation,
            task=task,
            settings=options.recommended_settings(len(profile.splits[0]), task),
            test=test,
            callbacks=callbacks,
        )
    bad_rows = [row for each in profiles for row in each.bad_rows]
    return TrainResult(model, bad_rows, sum(each.n_bad_rows for each in profiles), bool(cache_errors))


def _print_profile(output: Output, profile: DatasetProfile, options: TrainOptions, choice: TaskChoice) -> None:
    """Print the task, the target, the number of rows and columns, and where the cache is."""
    n_train, n_validation = (len(split) for split in profile.splits)
    target = profile.options.target
    hint = "" if options.target else f" ({explain_target(profile.files, target)}; --target takes another)"
    rows = f"{n_train:,} rows" + (f" and {n_validation:,} held out for validation" if n_validation else "")
    task = options.task or choice.task
    why = "" if options.task else f"; {task} because of {choice.reason} (--task takes another)"
    output.echo(f"{task}: predicting {target!r}{hint} from {profile.n_features:,} columns of {rows}, streamed{why}")
    if profile.cache is not None:
        output.echo(f"{profile.cache.path}: binary cache of the rows for later epochs; it may be deleted at any time")

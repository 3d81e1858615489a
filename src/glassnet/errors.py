"""The error for what a user can mend."""


class InputError(ValueError):
    """Something that was handed over can't be used.

    The message is one line: the argument, file, row or column, the value seen, what was expected, what to do.
    """

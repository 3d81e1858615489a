"""The exception for invalid input."""


class InputError(ValueError):
    """Invalid input: an argument, a file or its content.

    The message is one line: the argument, file, row or column, the value, what was expected, and what to do.
    """

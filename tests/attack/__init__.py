"""Attacks on a server and on files, made by this program itself: ``python -m tests.attack``, ``make attack``."""

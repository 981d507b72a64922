"""What is said where something cannot be learned."""

from __future__ import annotations


class LearnError(ValueError):
    """A pair, a student or a method that does not work.

    The text is a whole sentence in the user's words that says what to do, to be shown as it is.
    """

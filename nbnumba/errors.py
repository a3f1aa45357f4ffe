"""Errors and warnings that a user can act on."""


class NbnumbaError(ValueError):
    """Bad input or a job that cannot be done; the message says what was found and what to do."""


class NbnumbaWarning(UserWarning):
    """Something a user should know about a result that is nevertheless valid."""

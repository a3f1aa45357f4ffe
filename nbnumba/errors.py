"""Errors and warnings that a user can act on."""


class NbnumbaError(ValueError):
    """Bad input or a job that cannot be done; the message says what was found and what to do."""


class NbnumbaJobError(NbnumbaError):
    """A job that failed though its input may be good: a GPU or a disk is full, or a driver failed."""


class NbnumbaWarning(UserWarning):
    """Something a user should know about a result that is nevertheless valid."""

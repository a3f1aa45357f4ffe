"""When the images of a series are taken."""

from __future__ import annotations

from datetime import datetime, timedelta

from nbnumba.model.experiment import Experiment

#: A simulation has no date, and equal experiments shall make equal files.
_START = datetime(1970, 1, 1)


def started(experiment: Experiment, number: int) -> datetime:
    """Time at which an image starts, counted from 1970."""
    try:
        return _START + timedelta(seconds=number * experiment.beam.exposure)
    except OverflowError:
        return datetime.max


def timestamp(experiment: Experiment, number: int) -> str:
    """The same as text, to the millisecond."""
    return started(experiment, number).isoformat(timespec="milliseconds")

"""What there is of GPUs, their driver and toolkit, and their errors in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

from numba import config, cuda

from nbnumba.errors import NbnumbaError, NbnumbaJobError

_SIMULATED = bool(config.ENABLE_CUDASIM)
_EXTRAS = "'nbnumba[cuda12]' (drivers from 525 on) or 'nbnumba[cuda13]' (from 580 on)"
_INSTALL = f"install it with pip install {_EXTRAS}"
#: Modules of the errors that a driver and its toolkit raise.
_THEIRS = re.compile(r"(cuda|numba\.cuda\.(simulator\.)?cudadrv)\.")
_AGAIN = "start the program again, as this process may not be able to use the GPU any more; should it recur, use 'cpu'"
#: Words in such an error, and what they mean.
_MEANINGS = (
    (
        "OUT_OF_MEMORY",
        "the GPU is out of memory; take fewer pixels, reflections or domains, a part of the image (detector.roi), or "
        "'cpu'; nvidia-smi tells what else uses it",
    ),
    (
        "UNSUPPORTED_PTX|DRIVER_MISMATCH|INSUFFICIENT_DRIVER|COMPAT_NOT_SUPPORTED",
        f"the driver is too old for the toolkit beside numba-cuda; update the driver, or install {_EXTRAS}",
    ),
    (
        "NO_BINARY|INVALID_PTX|compute capability",
        f"the toolkit beside numba-cuda makes no code for this GPU; install another with pip install {_EXTRAS}, or use "
        "'cpu'",
    ),
    (
        "DynamicLib|NVVM|NVRTC|nvJitLink|libnv",
        f"a part of the toolkit is missing or broken; install it with pip install {_EXTRAS}, or use 'cpu'",
    ),
    ("LAUNCH_OUT_OF_RESOURCES", "the GPU has too few registers for this; use 'cpu'"),
    ("LAUNCH_TIMEOUT", "one launch took longer than the system lets a GPU that also shows a screen compute; use 'cpu'"),
    ("ILLEGAL|LAUNCH_FAILED|MISALIGNED|ECC|HARDWARE", f"the GPU failed while it computed; {_AGAIN}"),
    ("DEVICE|CONTEXT", "the GPU cannot be used; nvidia-smi tells whether it is well, or somebody has it alone"),
)


def require(device: str) -> None:
    """Check that there is a GPU to compute on.

    Raises:
        NbnumbaError: numba-cuda, its compiler, a driver or a GPU is missing, or there is no GPU of this number.
        NbnumbaJobError: driver, toolkit and GPU do not fit together.
    """
    with explained(device):
        missing = what_is_missing()
        if missing:
            raise NbnumbaError(f"device: found {device!r}, but {missing}, or use 'cpu'")
        number, count = number_of(device), len(cuda.gpus)
        if number >= count:
            there = ", ".join(f"cuda:{i}" for i in range(count))
            raise NbnumbaError(f"device: found {device!r}; there is: cpu, {there}")
        unfit = "" if _SIMULATED else what_does_not_fit(number)
        if unfit:
            raise NbnumbaJobError(f"device: found {device!r}, but {unfit}, or use 'cpu'")


def number_of(device: str) -> int:
    """Number of the GPU that "cuda" (the first) or "cuda:N" names."""
    return int(device.partition(":")[2] or 0)


def what_is_missing() -> str:
    """Why there is no GPU to compute on, and what to do; empty where there is one."""
    if _SIMULATED:
        return ""
    if getattr(cuda, "implementation", "") != "NVIDIA":
        return f"numba-cuda is not installed; {_INSTALL}"
    if config.DISABLE_CUDA:
        return "NUMBA_DISABLE_CUDA is set; unset it"
    if not cuda.is_available():
        error = cuda.cuda_error()
        if error is None:  # the driver has no complaint
            return f"numba-cuda does not find its compiler NVVM; {_INSTALL}"
        return (
            f"no usable GPU and driver ({_line(error)}); nvidia-smi tells what is there; install or update the driver"
        )
    if not len(cuda.gpus):
        return "the driver finds no GPU; look what nvidia-smi and CUDA_VISIBLE_DEVICES tell"
    return ""


def what_does_not_fit(number: int) -> str:
    """Why driver, toolkit and GPU do not work together, and what to do; empty where they do."""
    from numba.cuda.cudadrv import driver, nvrtc

    here, wanted = driver.driver.get_version(), cuda.runtime.get_version()
    if here[0] < wanted[0]:
        return (
            f"the driver is for CUDA {_dotted(here)} and the toolkit beside numba-cuda for {_dotted(wanted)}; update "
            f"the driver, or install what fits it: {_EXTRAS}"
        )
    kind, known = tuple(cuda.gpus[number].compute_capability), nvrtc.get_supported_ccs()
    # From 9.0 on numba-cuda compiles for one kind of GPU, below for all from that on.
    if not config.FORCE_CUDA_CC and (kind < min(known) or (kind >= (9, 0) and kind not in known)):
        return (
            f"its compute capability is {_dotted(kind)}, and the toolkit beside numba-cuda ({_dotted(wanted)}) makes "
            f"code for {', '.join(map(_dotted, known))}; another one may: {_EXTRAS}"
        )
    return ""


def installed() -> str:
    """The GPUs with their numbers and versions, or why there is none."""
    try:
        missing = what_is_missing()
        if missing:
            return f"none: {missing}"
        if _SIMULATED:
            return "simulated (NUMBA_ENABLE_CUDASIM)"
        from numba.cuda.cudadrv.driver import driver

        parts = [f"{_name(i)} (cuda:{i}{_flaw(i)})" for i in range(len(cuda.gpus))]
        toolkit = f"toolkit {_dotted(cuda.runtime.get_version())}, driver for CUDA {_dotted(driver.get_version())}"
        return f"{', '.join(parts)}; numba-cuda {version('numba-cuda')}, {toolkit}"
    except Exception as error:  # whatever is wrong with GPUs, the rest is told
        return f"none: {meaning(error)}"


def _name(number: int) -> str:
    name = cuda.gpus[number].name
    return name.decode() if isinstance(name, bytes) else str(name)


def _flaw(number: int) -> str:
    unfit = what_does_not_fit(number)
    return f", cannot be used: {unfit}" if unfit else ""


@contextmanager
def explained(device: str) -> Iterator[None]:
    """Within it, errors of a driver or its toolkit become those of a job that failed."""
    try:
        yield
    except Exception as error:
        if not is_theirs(error):
            raise
        raise NbnumbaJobError(f"device {device!r}: {meaning(error)}") from error


def is_theirs(error: BaseException) -> bool:
    """Whether a driver or its toolkit raised it."""
    return bool(_THEIRS.match(f"{type(error).__module__}."))


def meaning(error: BaseException) -> str:
    """What to do about an error, and its own words, in one line."""
    words = f"{type(error).__name__}: {_line(error)}"
    for found, told in _MEANINGS:
        if re.search(found, words):
            return f"{told} ({words})"
    return f"{words}; nvidia-smi tells whether driver and GPU are well; or use 'cpu'"


def _line(error: object) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 160 else text[:157] + "..."


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))

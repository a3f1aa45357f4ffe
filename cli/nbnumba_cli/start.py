"""Where the program begins: from here on Ctrl-C ends it in one line, also while Python reads what it is made of."""

from __future__ import annotations

import os

_INTERRUPTED = 130


def main(name: str = "nbnumba") -> None:
    """Run the program and exit with its code; see ``nbnumba_cli.main``."""
    try:
        import signal

        from nbnumba_cli.interrupt import ENDING

        for sign in ENDING:
            if signal.getsignal(sign) is not signal.SIG_IGN:  # as under nohup
                signal.signal(sign, _leave)
    except KeyboardInterrupt:
        _leave()
    from nbnumba_cli.main import main

    main(name=name)


def _leave(*_: object) -> None:
    """Signal handler: end at once, as nothing is begun. An exception would come out of imports as another, or not."""
    os.write(2, b"Interrupted: nothing was begun.\n")
    os._exit(_INTERRUPTED)

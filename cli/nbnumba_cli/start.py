"""Where the program begins: from here on Ctrl-C ends it in one line, also while Python reads what it is made of."""

from __future__ import annotations

import os


def main(name: str = "nbnumba") -> None:
    """Run the program and exit with its code; see ``nbnumba_cli.main``."""
    try:
        from nbnumba_cli.interrupt import listen

        listen(_leave)
    except KeyboardInterrupt:
        _leave()
    from nbnumba_cli.main import main

    main(name=name)


def _leave(*_: object) -> None:
    """Signal handler: end at once, as nothing is begun. An exception would come out of imports as another, or not."""
    from nbnumba_cli.interrupt import INTERRUPTED

    os.write(2, b"Interrupted: nothing was begun.\n")
    os._exit(INTERRUPTED)

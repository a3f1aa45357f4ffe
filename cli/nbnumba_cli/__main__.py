"""``python -m nbnumba_cli``."""

from nbnumba_cli.start import main

main("python -m nbnumba_cli")

"""Data sets, made file by file."""

from nbnumba.datasets.folder import prepare
from nbnumba.datasets.master import write_master
from nbnumba.datasets.shard import write_shard


def make_set(recipe, folder):
    """Make what is missing of a data set; the names of the files that were made."""
    missing = prepare(recipe, folder, resume=True).missing
    for shard in missing:
        write_shard(recipe, shard, folder)
    write_master(folder)
    return [shard.name for shard in missing]

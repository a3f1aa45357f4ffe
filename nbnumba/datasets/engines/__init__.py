"""Ways of making the files of a data set: all of them call ``write_shard``, here or elsewhere, and make equal bytes."""

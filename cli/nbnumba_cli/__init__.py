"""The command line of nbnumba: each command parses its options, calls the library and prints what came out."""

"""Files that hold results: NXmx (HDF5) and pictures."""

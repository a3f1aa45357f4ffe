"""The scalar physics: plain functions of numbers and small tuples, one subject a file, each equation once."""

"""Input of the built-in example."""

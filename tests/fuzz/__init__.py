"""Good inputs, ways to damage them, and what has to become of them."""

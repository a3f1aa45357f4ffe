"""Files to plain values."""

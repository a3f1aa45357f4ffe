"""The loops over pixels, and what they are given."""

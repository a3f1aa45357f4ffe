"""From expected photons to counts."""

"""What is added to Bragg scattering on the way to counts."""

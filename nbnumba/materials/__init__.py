"""What substances do to X-rays: how strongly sensors attenuate them, and how amorphous matter scatters them."""

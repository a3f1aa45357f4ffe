"""Speed on this machine, each figure with a check of the answer: what ``nbnumba bench`` runs."""

"""Pictures of images: rings of resolution, predicted spots; drawn by matplotlib (extra ``plot``)."""

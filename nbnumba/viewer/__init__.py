"""Pictures of images: contrast, rings of resolution, predicted spots; drawn by matplotlib (extra ``plot``)."""

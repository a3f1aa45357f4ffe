"""From a recipe to many images with labels."""

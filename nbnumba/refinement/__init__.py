"""Derivatives of images by the parameters of an experiment."""

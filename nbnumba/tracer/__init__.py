"""The loops of one pixel, step by step, with every number on the way.

No equation stands here: ``step`` calls the physics in the order of the loops, as plain Python and compiled.
"""

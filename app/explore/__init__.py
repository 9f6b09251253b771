"""Exploring a map: what is alive at a slot, the peak, finding, selecting ops, playing.

::

    alive    what is alive at a slot, from a scene's arrays; pure
    moment   the slot that is looked at: under the pointer, held, or played
    player   goes through the slots
    finder   what the search field finds, and which of it is stepped to
    marks    the overlays on the map: found tensors, the held slot, what comes and goes
    *_panel  the docks; play_bar, the strip under the map
"""

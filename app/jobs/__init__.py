"""Background work: one object per solve, capture, load, export or verification, in its own thread."""

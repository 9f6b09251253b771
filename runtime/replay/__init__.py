"""How an exported step runs: the allocator, its table of requests, and the user's tensors.

These files use only torch and the standard library and import one another relatively, because
``runtime.export`` copies them, as they are, into every export.
"""

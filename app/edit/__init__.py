"""Editing a plan by hand: what a person moved, what must follow, what conflicts, and what it pins.

::

    original   the plan that is edited, with the hazards of its actions
    draft      addresses and a sequence that a person changed, and the plan that follows from them
    conflicts  bytes that two storages share at a slot, ops on the wrong side of one another
    room       where a storage may go: snapping to edges, the next free gap
    pinning    the pins that ask a solve to keep what was moved
    editor     the edits of the open document, with undo and redo
    hand       the mouse and the keys on a map while it is edited

All but the last two are pure. Whether an edited plan is right is ``solver.check``'s to say.
"""

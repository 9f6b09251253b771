"""The trade-off of a step, budget against overhead: as a table and as a picture."""

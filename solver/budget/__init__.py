"""Budgets: which ops run again, which storages wait in host memory, which implementations run, so that
a step fits into the bytes there are and loses the least time; with a proven bound on that time."""

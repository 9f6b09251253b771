"""In which order the ops run: bounds, greedy orders, cut reorder, branch and bound, CP-SAT windows."""

from solver.ordering.order import OrderResult, order_step

__all__ = ["OrderResult", "order_step"]

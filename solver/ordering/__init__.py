"""In which order the ops run: bounds, greedy orders, cut reorder, branch and bound, CP-SAT windows."""

from solver.ordering.interim import Interim
from solver.ordering.order import order_step
from solver.ordering.result import OrderResult

__all__ = ["Interim", "OrderResult", "order_step"]

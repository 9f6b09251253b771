"""How good the solver is: all cases solved, next to PyTorch's own orders, in a file to compare."""

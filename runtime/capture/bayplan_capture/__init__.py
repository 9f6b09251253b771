"""Captures one step of a PyTorch model; needs torch and the standard library only.

It runs in a process of its own, under an interpreter of the user's choice, next to the user's own
modules of whatever name: it imports nothing of the rest of the program, and nobody but
``runtime.capture`` starts it.
"""

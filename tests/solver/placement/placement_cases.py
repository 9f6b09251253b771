"""Placement problems from lists and files, and what is true of them by looking at everything."""

import csv
import itertools
from pathlib import Path

import numpy as np

from solver.placement import PlacementProblem
from solver.plan import IntArray

CAPACITY = 1048576
"""At which the cases A to K are known to fit."""


def make_problem(content: list[tuple[int, int, int]], capacity: int | None = None) -> PlacementProblem:
    """From (start, slots, granules)."""
    table = np.array([(s, s + n, z * 512) for s, n, z in content], np.int64).reshape(-1, 3)
    return PlacementProblem(*(np.ascontiguousarray(column) for column in table.T), capacity=capacity)


def load_problem(path: Path, capacity: int | None = None) -> PlacementProblem:
    with path.open() as file:
        rows = list(csv.DictReader(file))
    columns = (np.array([int(r[key]) for r in rows], np.int64) for key in ("lower", "upper", "size"))
    return PlacementProblem(*columns, capacity=capacity)


def find_overlaps(problem: PlacementProblem, addresses: IntArray) -> list[tuple[int, int]]:
    """Pairs that share a slot and a byte, by looking at all pairs."""
    s, e, a, z = problem.starts, problem.ends, addresses, problem.sizes
    together = (s[:, None] < e) & (s < e[:, None]) & (a[:, None] < a + z) & (a < (a + z)[:, None])
    np.fill_diagonal(together, False)
    return [(int(i), int(j)) for i, j in np.argwhere(together)]


def least_height(problem: PlacementProblem) -> int:
    """By brute force: some order of dropping the storages on one another gives the optimum."""
    content = list(zip(problem.starts, problem.ends, problem.sizes, strict=True))
    best = 1 << 60
    for order in itertools.permutations(content):
        placed: list[tuple[int, int, int]] = []
        for start, end, size in order:
            tops = (top for s, e, top in placed if s < end and start < e)
            placed.append((start, end, max(tops, default=0) + size))
        best = min(best, max(top for _, _, top in placed))
    return int(best)


def make_training_problem(storages: int, seed: int) -> PlacementProblem:
    """As a step makes them: some activations live until the backward pass meets them, others not."""
    random = np.random.default_rng(seed)
    quarter = storages // 4
    forward, slots = 4 * np.arange(quarter), 8 * quarter
    backward = slots - forward - 4
    kept = random.random(quarter) < 0.3
    starts = np.concatenate([forward, forward + 1, backward, backward + 1])
    ends = np.concatenate(
        [
            np.where(kept, slots - forward, forward + random.integers(1, 40, quarter)),
            forward + 1 + random.integers(1, 12, quarter),
            backward + random.integers(2, 20, quarter),
            backward + 1 + random.integers(1, 6, quarter),
        ]
    )
    return PlacementProblem(
        starts, ends, 512 * (2 ** random.uniform(0, 12, len(starts))).astype(np.int64)
    )

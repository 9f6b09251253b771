"""Simulated annealing over the choices for all gaps, each step simulated exactly.

What is minimised is the predicted time plus a penalty for bytes above the budget, so that the search
may pass through what does not fit.
"""

import numpy as np

from solver.budget.graph import KEEP, SHORT_GAP, Bits, Tables
from solver.budget.simulate import State, simulate
from solver.compiled import inner_kernel, kernel

_RUN = 7
"""Neighbouring gaps that one move changes at most."""
_HIGHEST = 3.0
"""Weight of the highest slot against the mean of all, in the penalty."""


@inner_kernel
def _energy(t: Tables, s: State, choice: Bits, budget: int, weight: float) -> tuple[float, int, float]:
    """What is minimised, the peak, and the seconds; the energy is infinite where there is no plan."""
    slots, seconds = simulate(t, s, choice)
    if slots == 0:
        return np.inf, -1, 0.0
    peak = 0
    excess = 0.0
    for slot in range(slots):
        live = s.live[slot]
        peak = max(peak, live)
        if live > budget:
            excess += live - budget
    penalty = 0.0
    if peak > budget:
        penalty = weight * (_HIGHEST * (peak - budget) + excess / slots) / budget
    return seconds + penalty, peak, seconds


@kernel
def anneal(
    t: Tables,
    s: State,
    start: Bits,
    budget: int,
    moves: int,
    hot: float,
    cold: float,
    weight: float,
    seed: int,
    flag: Bits,
) -> tuple[Bits, float, float]:
    """The best choices met, their energy, and their seconds; infinite: none met fits ``budget`` bytes.

    Best is what fits in the least time, else what has the least energy. ``hot`` and ``cold`` are
    temperatures in seconds, ``weight`` the seconds that an excess as large as the budget costs. Ends
    early, with what it has, when ``flag`` is set.
    """
    np.random.seed(seed)
    gaps = len(start)
    first = SHORT_GAP + 1
    choice = start.copy()
    energy, peak, seconds = _energy(t, s, choice, budget, weight)
    best = choice.copy()
    best_energy = energy
    best_seconds = seconds if 0 <= peak <= budget else np.inf
    if gaps <= first:
        return best, best_energy, best_seconds
    changed = np.empty(_RUN, np.int64)
    before = np.empty(_RUN, np.uint8)
    heat = hot
    for move in range(moves):
        if move % 64 == 0:
            if flag[0]:
                break
            heat = hot * (cold / hot) ** (move / moves)
        kind = np.random.random()
        gap = np.random.randint(first, gaps)
        count = 0
        if kind < 0.55:
            changed[0], before[0] = gap, choice[gap]
            choice[gap] = (choice[gap] + np.random.randint(1, 3)) % 3
            count = 1
        elif kind < 0.8:
            other = gap
            if kind < 0.7:
                for _ in range(20):
                    other = np.random.randint(first, gaps)
                    if choice[other] != choice[gap]:
                        break
            else:
                other = min(gaps - 1, gap + np.random.randint(1, _RUN))
            if choice[other] == choice[gap]:
                continue
            changed[0], before[0] = gap, choice[gap]
            changed[1], before[1] = other, choice[other]
            choice[gap], choice[other] = before[1], before[0]
            count = 2
        else:
            value = np.uint8(np.random.randint(0, KEEP + 1))
            for other in range(gap, min(gaps, gap + np.random.randint(2, _RUN + 1))):
                if choice[other] != value:
                    changed[count], before[count] = other, choice[other]
                    choice[other] = value
                    count += 1
            if count == 0:
                continue
        new, peak, seconds = _energy(t, s, choice, budget, weight)
        if new <= energy or np.random.random() < np.exp((energy - new) / heat):
            energy = new
            fits = peak <= budget
            if (fits and seconds < best_seconds - 1e-12) or (
                new < best_energy and best_seconds == np.inf
            ):
                best_energy = new
                best_seconds = seconds if fits else np.inf
                best[:] = choice
        else:
            for k in range(count):
                choice[changed[k]] = before[k]
    return best, best_energy, best_seconds

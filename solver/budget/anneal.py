"""Simulated annealing over the choices for all gaps, each step simulated exactly.

What is minimised is the predicted time plus a penalty for bytes above the budget, so that the search
may pass through what does not fit.
"""

import numpy as np

from solver.budget.graph import Bits, Tables
from solver.budget.simulate import simulate
from solver.budget.state import State
from solver.budget.trips import Copies, time_trips
from solver.compiled import inner_kernel, kernel
from solver.plan import IntArray

_RUN = 7
"""Neighbouring gaps that one move changes at most."""
_HIGHEST = 3.0
"""Weight of the highest slot against the mean of all, in the penalty."""


@inner_kernel
def _energy(
    t: Tables, s: State, c: Copies, choice: Bits, budget: int, host_budget: int, weight: float
) -> tuple[float, bool, float]:
    """What is minimised, whether it fits, and the seconds; the energy is infinite where there is no
    plan."""
    slots, seconds = simulate(t, s, choice)
    if slots == 0:
        return np.inf, False, 0.0
    host = 0
    if s.away.trips[0] > 0:
        seconds, host = time_trips(t, s, c, slots, budget)
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
    if host > host_budget:
        penalty += weight * (host - host_budget) / budget
    return seconds + penalty, penalty == 0, seconds


@kernel
def anneal(
    t: Tables,
    s: State,
    c: Copies,
    start: Bits,
    gaps: IntArray,
    may: Bits,
    budget: int,
    host_budget: int,
    moves: int,
    hot: float,
    cold: float,
    weight: float,
    seed: int,
    flag: Bits,
) -> tuple[Bits, float, float]:
    """The best choices met, their energy, and their seconds; infinite: none met fits ``budget`` bytes.

    Best is what fits in the least time, else what has the least energy. ``gaps``: those to decide, all
    others stay as in ``start``; ``may``: the choices that such a gap has, each as often as it is drawn;
    ``host_budget``: bytes that may be on the host at once. ``hot`` and ``cold``: temperatures in
    seconds; ``weight``: the seconds that an excess as large as the budget costs. Ends early, with what
    it has, when ``flag`` is set.
    """
    np.random.seed(seed)
    count_of_gaps = len(gaps)
    choice = start.copy()
    energy, fits, seconds = _energy(t, s, c, choice, budget, host_budget, weight)
    best = choice.copy()
    best_energy = energy
    best_seconds = seconds if fits else np.inf
    if count_of_gaps == 0:
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
        place = np.random.randint(0, count_of_gaps)
        gap = gaps[place]
        count = 0
        if kind < 0.55:
            changed[0], before[0] = gap, choice[gap]
            value = may[np.random.randint(0, len(may))]
            if value == choice[gap]:
                continue
            choice[gap] = value
            count = 1
        elif kind < 0.8:
            other = gap
            if kind < 0.7:
                for _ in range(20):
                    other = gaps[np.random.randint(0, count_of_gaps)]
                    if choice[other] != choice[gap]:
                        break
            else:
                other = gaps[min(count_of_gaps - 1, place + np.random.randint(1, _RUN))]
            if choice[other] == choice[gap]:
                continue
            changed[0], before[0] = gap, choice[gap]
            changed[1], before[1] = other, choice[other]
            choice[gap], choice[other] = before[1], before[0]
            count = 2
        else:
            value = may[np.random.randint(0, len(may))]
            end = min(count_of_gaps, place + np.random.randint(2, _RUN + 1))
            for other in gaps[place:end]:
                if choice[other] != value:
                    changed[count], before[count] = other, choice[other]
                    choice[other] = value
                    count += 1
            if count == 0:
                continue
        new, fits, seconds = _energy(t, s, c, choice, budget, host_budget, weight)
        if new <= energy or np.random.random() < np.exp((energy - new) / heat):
            energy = new
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

// Where slots stand along the map, and the marks of axes.

/**
 * Slots and their places, both from 0 to the number of slots.
 *
 *     slot     | 0 | 1 | 2 | 3 |          Places are those of slots, or the time that has
 *     place    |0| 1     |2 |  3   |      passed, as a share of the step times its slots.
 */
class SlotAxis {
  /** `seconds` of every slot; null: all are as wide as one another. */
  constructor(slots, seconds = null) {
    this.slots = slots;
    this.timed = Boolean(slots && seconds);
    this.seconds = 0;
    if (!this.timed) return;
    this.edges = new Float64Array(slots + 1);
    for (let slot = 0; slot < slots; slot++) this.edges[slot + 1] = this.edges[slot] + seconds[slot];
    this.seconds = this.edges[slots];
    for (let slot = 0; slot <= slots; slot++) this.edges[slot] *= slots / this.seconds;
  }

  /** Where a slot is; a whole number is its start. */
  place(slot) {
    if (!this.timed) return slot;
    const at = Math.min(Math.max(Math.floor(slot), 0), this.slots - 1);
    return this.edges[at] + (slot - at) * (this.edges[at + 1] - this.edges[at]);
  }

  /** The slot at a place. */
  slot(place) {
    if (!this.timed) return place;
    let [at, after] = [0, this.slots];
    while (after - at > 1) {
      const middle = (at + after) >> 1;
      if (this.edges[middle] <= place) at = middle;
      else after = middle;
    }
    return at + (place - this.edges[at]) / (this.edges[at + 1] - this.edges[at]);
  }

  /** The places of many slots' starts. */
  places(slots) {
    return this.timed ? Float64Array.from(slots, (slot) => this.edges[slot]) : slots;
  }

  /** The time at a place, from the step's start. */
  second(place) {
    return (place * this.seconds) / Math.max(this.slots, 1);
  }
}

/** For each of at most `most` columns the slot with the most live bytes, and where it begins and ends. */
function columnSlots(plan, view, most) {
  const { axis, live } = plan;
  const first = Math.max(Math.floor(axis.slot(view.x0)), 0);
  const last = Math.min(Math.ceil(axis.slot(view.x1)), plan.slots);
  const columns = [];
  columns.first = [];
  columns.last = [];
  const count = Math.min(last - first, Math.ceil(most));
  const [from, to] = [axis.place(first), axis.place(last)];
  // Where all slots have a column of their own it is exactly theirs.
  const bound = (n) => (count === last - first ? first + n : axis.slot(from + ((to - from) * n) / count));
  for (let n = 0; n < count; n++) {
    const [begin, end] = [Math.max(bound(n), first), Math.min(bound(n + 1), last)];
    let best = Math.min(Math.floor(begin), last - 1);
    for (let slot = best + 1; slot < end; slot++) if (live[slot] > live[best]) best = slot;
    columns.push(best);
    columns.first.push(begin);
    columns.last.push(end);
  }
  return columns;
}

/** Marks of an axis of bytes at most `most` of them: [[bytes, text], …], and their unit. */
function byteTicks(first, last, most) {
  const [unit, name] = UNITS.find(([size]) => last - first >= 0.2 * size) ?? UNITS.at(-1);
  const step = niceStep((last - first) / unit, most);
  const digits = Math.max(digitsOf(step), unit === UNITS[0][0] ? 1 : 0);
  return { unit: name, ticks: multiples(first / unit, last / unit, step).map((v) => [v * unit, v.toFixed(digits)]) };
}

const SECONDS = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]];

/** Marks of a time axis: [[seconds, text], …], and the unit of their numbers. */
function secondTicks(first, last, most) {
  const [unit, name] = SECONDS.find(([size]) => last - first > 2 * size) ?? SECONDS.at(-1);
  const step = niceStep((last - first) / unit, most);
  const digits = Math.max(digitsOf(step), 0);
  return { unit: name, ticks: multiples(first / unit, last / unit, step).map((v) => [v * unit, v.toFixed(digits)]) };
}

/** `12.35 ms`: a time with four digits. */
function secondsText(seconds) {
  const [unit, name] = SECONDS.find(([size]) => seconds >= size) ?? SECONDS.at(-1);
  const value = seconds / unit;
  return `${value.toFixed(value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 3)} ${name}`;
}

/** The smallest of 1, 2, 5 × 10ⁿ that cuts a span into at most `most` parts. */
function niceStep(span, most) {
  const rough = Math.max(span, 1e-9) / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough * (1 - 1e-9));
}

function digitsOf(step) {
  return -Math.floor(Math.log10(step) + 1e-9);
}

function multiples(first, last, step) {
  const result = [];
  for (let n = Math.ceil(first / step - 1e-9); n * step <= last * (1 + 1e-12); n++) result.push(n * step);
  return result;
}

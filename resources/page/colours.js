// What the colours of rectangles tell: category, dtype, module, age, or the difference from a plan.

const CATEGORY = "Category";
const DIFFERENCE = "Plan difference";

/** The numbers of a column that is written as letters, one each. */
function ofLetters(letters) {
  return Uint8Array.from(letters, (letter) => letter.charCodeAt(0) - 48);
}

/** The colour number of every rectangle of a plan, and what the numbers mean. */
class Colouring {
  /**
   * `classes`: [[name, its numbers, that of its box first], …]; `areas` of the live profile from the
   * bottom, each the numbers that add up to it, that of its colour first.
   */
  constructor(plan, by, { classes, areas }, numbers) {
    this.by = by;
    this.classes = classes.map(([name, own]) => ({ name, numbers: own }));
    this.areas = areas;
    this.numbers = numbers;
    this.sizes = this.addUp(plan);
  }

  /** Live bytes at every slot, one row an area. */
  addUp({ slots, count, start, end, low, high }) {
    const rows = this.areas.map(() => new Float64Array(slots + 1));
    const rowOf = new Map(this.areas.flatMap((numbers, area) => numbers.map((number) => [number, rows[area]])));
    for (let i = 0; i < count; i++) {
      const row = rowOf.get(this.numbers[i]);
      row[start[i]] += high[i] - low[i];
      row[end[i]] -= high[i] - low[i];
    }
    for (const row of rows) for (let slot = 1; slot <= slots; slot++) row[slot] += row[slot - 1];
    return rows.map((row) => row.subarray(0, slots));
  }

  /** Bytes of a class at a slot. */
  bytesAt({ numbers }, slot) {
    return this.areas.reduce((sum, [number], area) => sum + (numbers.includes(number) ? this.sizes[area][slot] ?? 0 : 0), 0);
  }

  /** Whether the same boxes explain another colouring. */
  isLike(other) {
    const names = (one) => one.classes.map(({ name }) => name).join("\n");
    return this.by === other.by && names(this) === names(other);
  }
}

/** What a plan can be coloured by in a page of several: [[what, index of the other plan or -1, words], …]. */
function waysOf(plans, number) {
  const plan = plans[number];
  const ways = Object.keys(plan.raw.colours).map((by) => [by, -1, by]);
  if (!plan.step) return ways;
  const others = plans.map((other, n) => [DIFFERENCE, n, `Difference from ${other.name}`]);
  const known = others.filter(([, n]) => n !== number && plans[n].step);
  return [...ways, ...known.sort(([, a], [, b]) => plans[a].raw.run - plans[b].raw.run)];
}

/** By what became of the same stay of the same tensor in another plan of the same step as captured. */
function differenceFrom(plan, other, { classes, areas }) {
  const theirs = staysByTensor(other);
  const numbers = new Uint8Array(plan.count);
  for (const [key, i] of staysByTensor(plan)) {
    const match = theirs.get(key);
    let found = 0;
    if (match === undefined) found = 3;
    else if (plan.low[i] !== other.low[match]) found = 2;
    else if (opsOf(plan, i) !== opsOf(other, match)) found = 1;
    numbers[i] = classes[found][1][0];
  }
  return new Colouring(plan, DIFFERENCE, { classes, areas }, numbers);
}

/** Rectangles by the storage of the step as captured and the number of the stay. */
function staysByTensor({ start, storage, step, count }) {
  const seen = new Map();
  const result = new Map();
  for (const i of [...Array(count).keys()].sort((a, b) => start[a] - start[b])) {
    const own = step.captured[storage[i]];
    const stay = seen.get(own) ?? 0;
    seen.set(own, stay + 1);
    result.set(`${own} ${stay}`, i);
  }
  return result;
}

/** The ops of the first and the last slot of a stay; of a resident none. */
function opsOf({ raw, step, start, end, resident }, i) {
  const op = (slot) => step.ops.same[raw.order[slot]];
  return resident[i] ? "" : `${op(start[i])} ${op(end[i] - 1)}`;
}

// What the page knows: steps and plans as typed arrays, and the questions that can be asked of them.

/** The packed data of this page: base64 of gzip of JSON. Rejects where the browser cannot unpack it. */
async function unpack(letters) {
  const bytes = Uint8Array.from(atob(letters.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

/**
 * One way to run a step: rectangles over slots and addresses.
 *
 *     high ─┐  ┌──────────┐        Rectangle i is one stay of storage[i]:
 *           │  │          │        slots [start[i], end[i]), bytes [low[i], high[i]).
 *     low  ─┘  └──────────┘        Bytes are doubles, exact up to 8 PiB.
 *            start       end
 */
class Plan {
  constructor(raw, data) {
    this.raw = raw;
    this.step = raw.step >= 0 ? data.steps[raw.step] : null;
    this.difference = data.difference;
    this.name = raw.name;
    this.slots = raw.slots;
    this.top = raw.top;
    this.peak = raw.peak;
    this.count = raw.start.length;
    this.start = Int32Array.from(raw.start);
    this.end = Int32Array.from(raw.end);
    this.low = Float64Array.from(raw.low);
    this.high = Float64Array.from(raw.high);
    this.storage = Int32Array.from(raw.storage);
    this.resident = Uint8Array.from(raw.resident);
    this.stays = this.findStays();
    this.live = this.addUp();
    this.livePeak = this.live.reduce((most, size) => Math.max(most, size), 0);
    const reserved = raw.reserved.reduce((most, [, , size]) => Math.max(most, size), 0);
    this.highest = Math.max(this.livePeak, raw.bound?.[0] ?? 0, reserved, 1); // Of the live profile.
    this.category = ofLetters(raw.colours[CATEGORY].numbers);
    this.colourings = new Map();
    this.colourBy(CATEGORY);
    this.measure(false);
  }

  /** Tell the rectangles apart by something; by category where the plan does not know that. */
  colourBy(by, other = null) {
    const known = by === DIFFERENCE ? this.step && other?.step : this.raw.colours[by];
    if (!known) [by, other] = [CATEGORY, null];
    const key = other ?? by;
    if (!this.colourings.has(key)) {
      const raw = this.raw.colours[by];
      const made = other
        ? differenceFrom(this, other, this.difference)
        : new Colouring(this, by, raw, ofLetters(raw.numbers));
      this.colourings.set(key, made);
    }
    this.colouring = this.colourings.get(key);
    this.colour = this.colouring.numbers;
  }

  /** Make slots as wide as their seconds, where those are known, or all as wide as one another. */
  measure(timed) {
    const seconds = timed ? this.raw.seconds : null;
    if (this.axis && this.axis.timed === Boolean(seconds)) return;
    this.axis = new SlotAxis(this.slots, seconds);
    this.left = this.axis.places(this.start);
    this.right = this.axis.places(this.end);
  }

  /** Rectangles of every storage by its number, the earliest first. */
  findStays() {
    const stays = new Map();
    for (let i = 0; i < this.count; i++) {
      const known = stays.get(this.storage[i]);
      if (known) known.push(i);
      else stays.set(this.storage[i], [i]);
    }
    for (const own of stays.values()) own.sort((a, b) => this.start[a] - this.start[b]);
    return stays;
  }

  /** Live bytes at every slot. */
  addUp() {
    const live = new Float64Array(this.slots + 1);
    for (let i = 0; i < this.count; i++) {
      live[this.start[i]] += this.high[i] - this.low[i];
      live[this.end[i]] -= this.high[i] - this.low[i];
    }
    for (let slot = 1; slot <= this.slots; slot++) live[slot] += live[slot - 1];
    return live.subarray(0, this.slots);
  }

  nameOf(i) {
    return this.step ? this.step.names[this.storage[i]] : this.raw.names[i];
  }

  /** Bytes that were asked for. */
  bytesOf(i) {
    return this.step ? this.step.sizes[this.storage[i]] : this.high[i] - this.low[i];
  }

  /** What a rectangle is by category. */
  kindOf(i) {
    return this.raw.kinds[this.category[i]];
  }

  shapeOf(i) {
    return this.step ? this.step.shapes[this.storage[i]] : "";
  }

  /** The op that runs at a slot, or null where the step has none: {label, module, phase, source}. */
  op(slot) {
    if (!this.step || slot < 0 || slot >= this.slots) return null;
    const { ops, labels, modules, sources } = this.step;
    const number = this.raw.order[slot];
    return {
      label: labels[ops.label[number]],
      module: modules[ops.module[number]],
      phase: ops.phase[number],
      source: sources[ops.source[number]] ?? null,
    };
  }

  /** `relu backward in layer4.2`; of a plan without ops nothing. */
  place(slot) {
    const op = this.op(slot);
    if (!op) return "";
    return op.module ? `${op.label} in ${op.module}` : op.label;
  }

  /** Who makes and who uses the storage of a rectangle, and why it is alive. */
  usesOf(i) {
    const [producers, consumers, why] = this.raw.uses?.[this.storage[i]] ?? [[], [], ""];
    return { producers, consumers, why };
  }

  /** Rectangles that are there at a slot and shown, the largest first. */
  aliveAt(slot, shown) {
    const found = [];
    for (let i = 0; i < this.count; i++)
      if (this.start[i] <= slot && slot < this.end[i] && shown(this.colour[i])) found.push(i);
    return found.sort((a, b) => this.high[b] - this.low[b] - (this.high[a] - this.low[a]) || a - b);
  }

  /**
   * The shown rectangle at a place of the axis and an address, else the nearest within reach, or -1.
   * A look at all of them: a millisecond for 200,000.
   */
  pick(place, address, shown, nearPlaces = 0, nearBytes = 0) {
    const { left, right, low, high } = this;
    let best = -1;
    let least = Infinity;
    for (let i = 0; i < this.count; i++) {
      const across = Math.max(left[i] - place, place - right[i], 0);
      if (across > nearPlaces) continue;
      const up = Math.max(low[i] - address, address - high[i], 0);
      if (up > nearBytes || !shown(this.colour[i])) continue;
      if (left[i] <= place && place < right[i] && low[i] <= address && address < high[i]) return i;
      if (!nearPlaces || !nearBytes) continue;
      const distance = Math.max(across / nearPlaces, up / nearBytes);
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  }

  /** Rectangles whose name, or whose maker's module or op, has all words; `>64MiB` asks for a size. */
  search(text) {
    const tests = text.toLowerCase().split(/\s+/).filter(Boolean).map((word) => this.test(word));
    if (!tests.length) return [];
    const found = [];
    for (let i = 0; i < this.count; i++) if (tests.every((test) => test(i))) found.push(i);
    return found.sort((a, b) => this.start[a] - this.start[b] || a - b);
  }

  test(word) {
    const size = /^([<>])=?(\d+(?:\.\d+)?)([kmgt]?)(i?)b?$/.exec(word);
    if (size) {
      const unit = (size[4] || !size[3] ? 1024 : 1000) ** (" kmgt".indexOf(size[3] || " "));
      const limit = Number(size[2]) * unit;
      return size[1] === ">" ? (i) => this.bytesOf(i) >= limit : (i) => this.bytesOf(i) <= limit;
    }
    return (i) =>
      this.nameOf(i).toLowerCase().includes(word) ||
      (!this.resident[i] && this.place(this.start[i]).toLowerCase().includes(word));
  }

  /** The nearest shown rectangle to the right (1, 0), left, up (0, 1) or down of another one, or -1. */
  neighbour(from, right, up, shown) {
    let best = -1;
    let least = Infinity;
    for (let i = 0; i < this.count; i++) {
      if (i === from || !shown(this.colour[i])) continue;
      const apartSlots = Math.max(this.start[i] - this.end[from], this.start[from] - this.end[i], 0) / this.slots;
      const apartBytes = Math.max(this.low[i] - this.high[from], this.low[from] - this.high[i], 0) / this.top;
      const along = right
        ? ((this.start[i] - this.start[from]) * right) / this.slots
        : ((this.low[i] - this.low[from]) * up) / this.top;
      const cost = along + 5 * (right ? apartBytes : apartSlots);
      if (along > 0 && cost < least) [best, least] = [i, cost];
    }
    return best;
  }
}

/** [bytes, name] of the units that sizes are written in, the largest first; those of the program. */
let UNITS = [[1024 ** 3, "GiB"], [1024 ** 2, "MiB"], [1024, "KiB"], [1, "B"]];

/** `98.0 MiB`: bytes for people. */
function human(bytes) {
  const [unit, name] = UNITS.find(([size]) => bytes >= size) ?? UNITS.at(-1);
  const digits = unit === 1 ? 0 : unit === UNITS[0][0] ? 3 : 1;
  return `${(bytes / unit).toFixed(digits)} ${name}`;
}

// What is shown, and what changes when it does.

const PLAY_SECONDS = 20; // For a whole step, where that is neither too slow nor too fast.
const SLOWEST = 4; // Slots a second.
const FASTEST = 400;

/** The page's one state; the map and the panels read it and call its methods. */
class State {
  constructor(data) {
    this.data = data;
    this.stack = data.stack;
    this.plans = data.plans.map((raw) => new Plan(raw, data));
    this.number = data.shown;
    this.hidden = new Set();
    this.shown = (category) => !this.hidden.has(category);
    this.palette = new Palette(data.categories.length);
    this.hovered = this.selected = this.cursor = -1;
    this.found = [];
    this.foundAt = -1;
    this.playing = 0;
    this.map = new MapView(this, document.getElementById("ground"), document.getElementById("overlay"));
    this.panels = new Panels(this);
  }

  get plan() {
    return this.plans[this.number];
  }

  begin() {
    this.panels.heading();
    this.panels.details();
    this.map.fit();
    this.follow();
  }

  /** All that depends on the cursor. */
  follow() {
    this.panels.legend();
    this.panels.alive();
    this.panels.status();
    this.map.point();
  }

  /** Show another plan; the tensor that is selected stays so where it is the same step. */
  showPlan(number) {
    if (!this.plans[number] || number === this.number) return;
    const before = this.plan;
    this.stopPlaying();
    const chosen = this.selected >= 0 ? before.nameOf(this.selected) : "";
    this.number = number;
    this.hovered = -1;
    this.cursor = Math.min(this.cursor, this.plan.slots - 1);
    this.selected = -1;
    for (let i = 0; chosen && i < this.plan.count && this.selected < 0; i++)
      if (this.plan.nameOf(i) === chosen) this.selected = i;
    this.panels.heading();
    this.panels.details();
    this.panels.tooltip(0, 0);
    this.find(document.getElementById("search").value);
    if (before.slots === this.plan.slots) this.map.show(this.map.view);
    else this.map.fit();
    this.map.redraw();
    this.follow();
  }

  /** The pointer is at a pixel of the map. */
  point(x, y) {
    const { left, width, top } = this.map.plot;
    if (x < left || x >= left + width || y < top) return this.leave();
    if (this.playing) this.stopPlaying();
    const hovered = this.map.rectangleAt(x, y);
    const cursor = Math.min(Math.max(Math.floor(this.map.slotAt(x)), 0), this.plan.slots - 1);
    const changed = cursor !== this.cursor;
    this.hovered = hovered;
    this.cursor = cursor;
    this.panels.tooltip(x, y);
    if (changed) this.follow();
    else this.map.point();
  }

  /** The pointer is nowhere on the map; the cursor of the keyboard may stay. */
  leave({ keepCursor = false } = {}) {
    this.hovered = -1;
    this.panels.tooltip(0, 0);
    if (!keepCursor && this.cursor >= 0) {
      this.cursor = -1;
      this.follow();
    } else this.map.point();
  }

  /** Select a rectangle; -1: none. */
  select(i) {
    this.selected = i;
    this.panels.details();
    this.panels.alive();
    this.map.point();
  }

  /** Select a rectangle and bring it into sight. */
  go(i) {
    if (i < 0) return;
    const { start, end, low, high } = this.plan;
    this.select(i);
    this.map.reveal(start[i], end[i], low[i], high[i]);
  }

  goToSlot(slot) {
    if (!(slot >= 0 && slot < this.plan.slots)) return;
    this.cursor = slot;
    this.map.reveal(slot, slot + 1);
    this.follow();
  }

  /** Walk from the cursor, or from the first slot, to the last one; again: stop. */
  play() {
    if (this.playing) return this.stopPlaying();
    const { slots } = this.plan;
    if (!slots) return;
    const from = this.cursor >= 0 && this.cursor < slots - 1 ? this.cursor : 0;
    const each = 1000 / Math.min(Math.max(slots / PLAY_SECONDS, SLOWEST), FASTEST);
    let begun = 0;
    const frame = (now) => {
      begun ||= now;
      this.goToSlot(Math.min(from + Math.floor((now - begun) / each), slots - 1));
      if (this.cursor < slots - 1) this.playing = requestAnimationFrame(frame);
      else this.stopPlaying();
    };
    this.playing = requestAnimationFrame(frame);
    playButton(true);
  }

  stopPlaying() {
    cancelAnimationFrame(this.playing);
    this.playing = 0;
    playButton(false);
  }

  goToUse(badge) {
    if (this.selected < 0) return;
    const { producers, consumers } = this.plan.usesOf(this.selected);
    this.goToSlot(badge === "P" ? producers[0] : consumers[Number(badge) - 1]);
  }

  nextStay(by) {
    if (this.selected < 0) return;
    const own = this.plan.stays.get(this.plan.storage[this.selected]);
    this.go(own[(own.indexOf(this.selected) + by + own.length) % own.length]);
  }

  toggle(categories, on) {
    for (const category of categories) on ? this.hidden.delete(category) : this.hidden.add(category);
    this.map.redraw();
    this.follow();
  }

  find(text) {
    this.found = this.plan.search(text);
    this.foundAt = -1;
    const said = this.found.length ? `${this.found.length.toLocaleString("en")} found` : "none";
    document.getElementById("found").textContent = text.trim() ? said : "";
    this.map.point();
  }

  /** Go to the next of what was found, or back. */
  stepFound(by) {
    if (!this.found.length) return;
    const from = this.foundAt < 0 && by < 0 ? 0 : this.foundAt;
    this.foundAt = (from + by + this.found.length) % this.found.length;
    this.go(this.found[this.foundAt]);
    document.getElementById("found").textContent = `${this.foundAt + 1} of ${this.found.length.toLocaleString("en")}`;
  }

  /** Take the colours of the theme that holds now. */
  recolour() {
    this.palette = new Palette(this.data.categories.length);
    this.panels.boxes = null;
    this.panels.details();
    this.hovered = -1;
    this.panels.tooltip(0, 0);
    this.map.redraw();
    this.follow();
  }
}

/** What the button says it does. */
function playButton(playing) {
  const button = document.getElementById("play");
  button.textContent = playing ? "❚❚" : "▶";
  button.setAttribute("aria-label", playing ? "Pause" : "Play the step");
}

function start(data) {
  UNITS = data.units;
  const state = new State(data);
  const field = document.getElementById("search");
  field.addEventListener("input", () => state.find(field.value));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") state.stepFound(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") {
      field.value = "";
      state.find("");
      document.getElementById("map").focus();
    }
  });
  listen(state, state.map, document.getElementById("map"));
  document.getElementById("play").addEventListener("click", () => state.play());
  document.getElementById("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = state.palette.dark ? "light" : "dark";
    state.recolour();
  });
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => state.recolour());
  new ResizeObserver(() => state.map.redraw()).observe(document.getElementById("map"));
  state.begin();
  document.documentElement.dataset.ready = "yes";
  return state;
}

/** The state of this page, for whoever opens the browser's console. */
let bayplan = null;

unpack(document.getElementById("data").textContent)
  .then((data) => (bayplan = start(data)))
  .catch((error) => {
    document.getElementById("status").textContent = `The map could not be shown: ${error.message}`;
    throw error;
  });

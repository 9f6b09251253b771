// What is shown, and what changes when it does.

const PLAY_SECONDS = 20; // For a whole step, where that is neither too slow nor too fast.
const SLOWEST = 4; // Slots a second.
const FASTEST = 400;

/** The page's one state; the map and the panels read it and call its methods. */
class State {
  constructor(data) {
    this.data = data;
    this.plans = data.plans.map((raw) => new Plan(raw, data));
    this.number = data.shown;
    this.hidden = new Set(); // Colour numbers.
    this.shown = (number) => !this.hidden.has(number);
    this.palette = new Palette(data.colours);
    this.by = data.look.by;
    this.against = data.look.against; // The index of the plan that colours show the difference from.
    this.timed = data.look.timed;
    this.hovered = this.selected = this.cursor = -1;
    this.found = [];
    this.foundAt = -1;
    this.playing = 0;
    this.map = new MapView(this, document.getElementById("ground"), document.getElementById("overlay"));
    this.panels = new Panels(this);
    this.look = new Look(this);
  }

  get plan() {
    return this.plans[this.number];
  }

  begin() {
    this.dress();
    this.panels.heading();
    this.panels.details();
    this.map.fit();
    this.follow();
  }

  /** All that depends on the cursor. */
  follow() {
    this.look.boxes();
    this.panels.alive();
    this.panels.status();
    this.map.point();
  }

  /** Give the shown plan the colours and the axis that were chosen; what is hidden stays so. */
  dress() {
    const { plan } = this;
    const before = this.dressed;
    if (this.by === DIFFERENCE && this.against === this.number) [this.by, this.against] = [CATEGORY, -1];
    plan.colourBy(this.by, this.plans[this.against]);
    plan.measure(this.timed);
    if (before && !plan.colouring.isLike(before)) this.hidden.clear();
    this.dressed = plan.colouring;
    this.look.choosers();
  }

  /** Tell tensors apart by something; `against`: the index of a plan that is compared with. */
  colourBy(by, against = -1) {
    [this.by, this.against] = [by, against];
    this.dress();
    this.panels.details();
    this.leave({ keepCursor: true });
    this.map.redraw();
    this.follow();
  }

  /** Make slots as wide as their seconds, or all as wide as one another; all is visible then. */
  setTime(timed) {
    if (!this.plan.raw.seconds) return;
    this.timed = timed;
    this.dress();
    this.leave({ keepCursor: true });
    this.map.fit();
    this.map.redraw();
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
    this.dress();
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

  /** Show or hide a class of the colours. */
  toggle({ numbers }, on) {
    for (const number of numbers) on ? this.hidden.delete(number) : this.hidden.add(number);
    this.map.redraw();
    this.follow();
  }

  /** Show one class of `all` alone; where it is, all of them. */
  showAlone(one, all) {
    const others = all.filter((other) => other !== one).flatMap(({ numbers }) => numbers);
    this.hidden = new Set(others.some(this.shown) ? others : []);
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
    this.palette = new Palette(this.data.colours);
    this.look.boxesOf = null;
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

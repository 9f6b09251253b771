// The map: bands, rectangles, address and op axes, live profile; above them cursor and selection.

const LEFT = 62;
const RIGHT = 18;
const BAND = 18;
const AXIS = 24;
const PROFILE = 104;
const REST_MS = 70; // After a motion of many rectangles, before they are drawn anew.
const MANY = 8000; // From so many on, a motion moves the last picture.
const LANE = 20; // From one lane of badges to the next below.
const LANES = 8; // Tried before badges cover words.
const FACE = '"Inter", system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif';

/**
 * Draws what `state` says onto two canvases: `ground` for the plan, `overlay` for what follows the
 * pointer. `view` is what is visible: slots [x0, x1), bytes [y0, y1).
 */
class MapView {
  constructor(state, ground, overlay) {
    this.state = state;
    this.ground = ground;
    this.overlay = overlay;
    this.view = { x0: 0, x1: 1, y0: 0, y1: 1 };
    this.asked = 0;
    this.rest = 0;
    this.kept = null;
  }

  /** Everything that there is. */
  whole() {
    const { slots, top } = this.state.plan;
    return { x0: 0, x1: Math.max(slots, 1), y0: 0, y1: top * 1.07 };
  }

  fit() {
    this.show(this.whole());
  }

  /** Show a range, as far as there is anything, and no less than a few slots and bytes. */
  show({ x0, x1, y0, y1 }) {
    const whole = this.whole();
    [x0, x1] = inside(x0, x1, whole.x1, 4);
    [y0, y1] = inside(y0, y1, whole.y1, 4096);
    this.view = { x0, x1, y0, y1 };
    this.redraw({ moving: true });
  }

  zoom(factor, x = null, inBytes = false) {
    const { x0, x1, y0, y1 } = this.view;
    const scale = (from, to, at) => [at - (at - from) * factor, at + (to - at) * factor];
    if (inBytes) {
      const [low, high] = scale(y0, y1, x ?? (y0 + y1) / 2);
      this.show({ x0, x1, y0: low, y1: high });
    } else {
      const [first, last] = scale(x0, x1, x ?? (x0 + x1) / 2);
      this.show({ x0: first, x1: last, y0, y1 });
    }
  }

  pan(slots, bytes) {
    const { x0, x1, y0, y1 } = this.view;
    const limit = this.whole();
    const dx = Math.min(Math.max(slots, -x0), limit.x1 - x1);
    const dy = Math.min(Math.max(bytes, -y0), limit.y1 - y1);
    this.show({ x0: x0 + dx, x1: x1 + dx, y0: y0 + dy, y1: y1 + dy });
  }

  /** Show a rectangle with something around it. */
  fitTo(i) {
    const { start, end, low, high } = this.state.plan;
    const [slots, bytes] = [end[i] - start[i], high[i] - low[i]];
    this.show({ x0: start[i] - slots - 2, x1: end[i] + slots + 2, y0: low[i] - 4 * bytes, y1: high[i] + 4 * bytes });
  }

  /** Move just so far that a rectangle, or a slot, is in sight. */
  reveal(first, last, low = this.view.y0, high = this.view.y1) {
    const { x0, x1, y0, y1 } = this.view;
    const by = (from, to, a, b) => (b <= from || a >= to ? (a + b) / 2 - (from + to) / 2 : 0);
    const [dx, dy] = [by(x0, x1, first, last), by(y0, y1, low, high)];
    if (dx || dy) this.pan(dx, dy);
  }

  // Pixels (of CSS) and what they stand for.

  get plot() {
    const top = 8 + (this.state.plan.raw.bands.phases.length ? 2 * BAND + 6 : 0);
    const { width, height } = this.size;
    return { left: LEFT, top, width: Math.max(width - LEFT - RIGHT, 1), height: Math.max(height - top - AXIS - PROFILE, 1) };
  }

  get size() {
    return { width: this.ground.clientWidth, height: this.ground.clientHeight };
  }

  x(slot) {
    return LEFT + ((slot - this.view.x0) / (this.view.x1 - this.view.x0)) * this.plot.width;
  }

  y(address) {
    const { top, height } = this.plot;
    return top + ((this.view.y1 - address) / (this.view.y1 - this.view.y0)) * height;
  }

  slotAt(x) {
    return this.view.x0 + ((x - LEFT) / this.plot.width) * (this.view.x1 - this.view.x0);
  }

  addressAt(y) {
    const { top, height } = this.plot;
    return this.view.y1 - ((y - top) / height) * (this.view.y1 - this.view.y0);
  }

  /** The rectangle at a pixel or within two pixels of it, or -1. */
  rectangleAt(x, y) {
    const { left, top, width, height } = this.plot;
    if (x < left || x >= left + width || y < top || y >= top + height) return -1;
    const nearSlots = (2 * (this.view.x1 - this.view.x0)) / width;
    const nearBytes = (2 * (this.view.y1 - this.view.y0)) / height;
    return this.state.plan.pick(this.slotAt(x), this.addressAt(y), this.state.shown, nearSlots, nearBytes);
  }

  // Drawing

  /** Draw with the next frame; while `moving` with many rectangles, the last picture is moved first. */
  redraw({ moving = false } = {}) {
    this.moving = moving && this.state.plan.count > MANY;
    if (!this.asked) this.asked = requestAnimationFrame(() => this.draw());
  }

  /** Draw what follows the pointer, with the next frame. */
  point() {
    this.pointed ||= requestAnimationFrame(() => this.drawOverlay());
  }

  draw() {
    this.asked = 0;
    const ratio = window.devicePixelRatio || 1;
    const context = prepared(this.ground, this.size, ratio);
    const { plan } = this.state;
    context.textBaseline = "middle";
    this.drawBands(context);
    const large = this.drawPlot(context, ratio);
    this.drawAddresses(context);
    this.drawLabels(context, large, ratio);
    this.drawStripNames(context);
    this.drawLines(context);
    this.drawSlots(context);
    if (plan.slots) this.drawProfile(context);
    this.drawOverlay();
  }

  /** Rectangles, areas and grid; returns those that can be named. */
  drawPlot(context, ratio) {
    const { left, top, width, height } = this.plot;
    const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
    const { plan, palette } = this.state;
    clearTimeout(this.rest);
    if (this.moving && this.kept?.image.width === columns && this.kept.image.height === rows) {
      this.rest = setTimeout(() => this.redraw(), REST_MS);
      return this.drawKept(context);
    }
    const image = new ImageData(columns, rows);
    const pixels = new Uint32Array(image.data.buffer);
    pixels.fill(palette.ground);
    const held = plan.raw.reserved.map(([first, last, size]) => [first, last, 0, size]);
    drawAreas(held, this.view, pixels, columns, rows, palette.reserved);
    for (const [value] of this.addressTicks().ticks) {
      const row = Math.round((this.y(value) - top) * ratio);
      if (row >= 0 && row < rows) pixels.fill(palette.grid, row * columns, (row + 1) * columns);
    }
    for (const [low, high, , category] of plan.raw.strips)
      if (this.state.shown(category))
        drawAreas([[0, plan.slots, low, high]], this.view, pixels, columns, rows, palette.fill[category]);
    drawAreas(plan.raw.unusable, this.view, pixels, columns, rows, palette.hatch, Math.round(7 * ratio));
    const large = drawRectangles(plan, this.view, pixels, columns, rows, palette, this.state.shown);
    context.putImageData(image, Math.round(left * ratio), Math.round(top * ratio));
    this.kept = plan.count > MANY ? { image: this.bitmap(image), view: this.view } : null;
    return large;
  }

  bitmap(image) {
    const canvas = new OffscreenCanvas(image.width, image.height);
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }

  /** The last picture, moved and stretched to where its slots and bytes are now. */
  drawKept(context) {
    const { image, view } = this.kept;
    const { left, top, width, height } = this.plot;
    context.save();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    context.fillStyle = this.state.palette.token("map");
    context.fillRect(left, top, width, height);
    const [x, y] = [this.x(view.x0), this.y(view.y1)];
    context.drawImage(image, x, y, this.x(view.x1) - x, this.y(view.y0) - y);
    context.restore();
    return [];
  }

  addressTicks() {
    return byteTicks(this.view.y0, this.view.y1, Math.max(Math.floor(this.plot.height / 46), 1));
  }

  drawAddresses(context) {
    const { ticks, unit } = this.addressTicks();
    const { top, height } = this.plot;
    context.font = `11px ${FACE}`;
    context.fillStyle = this.state.palette.token("text3");
    context.textAlign = "right";
    for (const [value, text] of ticks) {
      const y = this.y(value);
      if (y > top + 16) context.fillText(text, LEFT - 9, Math.min(y, top + height - 4));
    }
    context.fillText(unit, LEFT - 9, top + 5);
  }

  /** Names in the rectangles that have the room. */
  drawLabels(context, large, ratio) {
    const { plan, palette } = this.state;
    const { left, top, width } = this.plot;
    context.textAlign = "left";
    this.named = [];
    this.nameBoxes = [];
    large.sort((a, b) => (b[3] - b[1]) * (b[4] - b[2]) - (a[3] - a[1]) * (a[4] - a[2]));
    for (const [i, ...box] of large.slice(0, 300)) {
      const [x0, y0, x1, y1] = box.map((edge) => edge / ratio);
      if (y1 - y0 < 12) continue;
      const name = plan.nameOf(i).split(" · ")[0];
      context.font = `500 11px ${FACE}`;
      const room = Math.min(x1, width) - x0 - 9;
      const wide = context.measureText(name).width;
      if (wide > room) continue;
      const middle = top + (y0 + y1) / 2 + 0.5;
      context.fillStyle = palette.ink[plan.colour[i]];
      context.fillText(name, left + x0 + 5, middle);
      this.named.push(i);
      this.nameBoxes.push([left + x0 + 5, middle - 7, left + x0 + 5 + wide, middle + 7]);
      context.font = `11px ${FACE}`;
      const size = human(plan.bytesOf(i));
      if (wide + 8 + context.measureText(size).width <= room) context.fillText(size, left + x0 + 13 + wide, middle);
    }
  }

  /** What a strip of residents is, where they are too small to be named themselves. */
  drawStripNames(context) {
    const { plan, palette, shown } = this.state;
    const { top, height } = this.plot;
    const named = this.named.filter((i) => plan.resident[i]);
    for (const [low, high, name, category] of plan.raw.strips) {
      const [y0, y1] = [Math.max(this.y(high), top), Math.min(this.y(low), top + height)];
      if (y1 - y0 < 12 || !shown(category) || named.some((i) => plan.low[i] >= low && plan.low[i] < high)) continue;
      const size = human(high - low);
      context.font = `500 11px ${FACE}`;
      const wide = context.measureText(name).width;
      context.font = `11px ${FACE}`;
      // The edges of small residents would strike the text through.
      context.fillStyle = palette.names[category];
      context.fillRect(LEFT + 2, (y0 + y1) / 2 - 6, wide + context.measureText(size).width + 14, 12);
      context.fillStyle = palette.ink[category];
      context.fillText(size, LEFT + 13 + wide, (y0 + y1) / 2 + 0.5);
      context.font = `500 11px ${FACE}`;
      context.fillText(name, LEFT + 5, (y0 + y1) / 2 + 0.5);
    }
  }

  /** Plan height, bound and budget, with their words where the line is. */
  drawLines(context) {
    const { palette, plan } = this.state;
    const { left, top, width, height } = this.plot;
    const tones = { bound: "ok", reserved: "warn", budget: "accent", height: "text" };
    context.font = `500 11px ${FACE}`;
    this.lineBoxes = [];
    if (plan.raw.reserved.length) this.drawReserved(context);
    for (const [size, text, role] of plan.raw.lines) {
      const y = Math.round(this.y(size)) + 0.5;
      if (y < top || y > top + height) continue;
      context.strokeStyle = context.fillStyle = palette.token(tones[role]);
      context.lineWidth = 1.5;
      context.setLineDash(role === "height" ? [] : [6, 4]);
      if (!plan.raw.reserved.length) line(context, left, y, left + width, y);
      context.setLineDash([]);
      // A staircase climbs to the right; what is said of it stands at its end.
      const atEnd = plan.raw.reserved.length > 0;
      context.textAlign = atEnd ? "right" : "left";
      context.fillText(text, atEnd ? left + width - 7 : left + 7, y - 9);
      const wide = context.measureText(text).width;
      const start = atEnd ? left + width - 7 - wide : left + 7;
      this.lineBoxes.push([start, y - 16, start + wide, y - 2]);
    }
  }

  /** As run: what the allocator holds, a staircase. */
  drawReserved(context) {
    const { left, top, width, height } = this.plot;
    context.save();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    context.beginPath();
    for (const [first, last, size] of this.state.plan.raw.reserved) {
      context.lineTo(this.x(first), this.y(size));
      context.lineTo(this.x(last), this.y(size));
    }
    context.strokeStyle = this.state.palette.token("warn");
    context.lineWidth = 1.5;
    context.stroke();
    context.restore();
  }

  drawBands(context) {
    const { phases, updates, modules } = this.state.plan.raw.bands;
    if (!phases.length) return;
    this.drawBand(context, 8, "Phase", phases, `600 11px ${FACE}`, "text");
    this.drawBand(context, 8 + BAND + 4, "Module", modules, `11px ${FACE}`, "text2");
    context.fillStyle = this.state.palette.token(`fill-${this.state.stack[0]}`);
    for (const [first, last] of updates) {
      const [x0, x1] = this.clipped(first, last);
      if (x1 > x0) context.fillRect(x0, 8 + BAND, Math.max(x1 - x0, 1), 3);
    }
  }

  drawBand(context, y, caption, bands, font, tone) {
    const { palette } = this.state;
    context.font = `11px ${FACE}`;
    context.fillStyle = palette.token("text3");
    context.textAlign = "right";
    context.fillText(caption, LEFT - 9, y + BAND / 2);
    context.textAlign = "left";
    context.font = font;
    for (const [first, last, name] of bands) {
      const [x0, x1] = this.clipped(first, last);
      if (x1 - x0 < 1) continue;
      context.fillStyle = palette.token("raised");
      context.fillRect(x0, y, x1 - x0 - 1, BAND);
      context.fillStyle = palette.token(tone);
      if (name && context.measureText(name).width + 10 < x1 - x0) context.fillText(name, x0 + 5, y + BAND / 2 + 0.5);
    }
  }

  clipped(first, last) {
    return [Math.max(this.x(first), LEFT), Math.min(this.x(last), LEFT + this.plot.width)];
  }

  drawSlots(context) {
    const { top, height, width } = this.plot;
    const step = Math.max(niceStep(this.view.x1 - this.view.x0, Math.floor(width / 64)), 1);
    context.font = `11px ${FACE}`;
    context.fillStyle = this.state.palette.token("text3");
    context.textAlign = "center";
    for (const slot of multiples(this.view.x0, this.view.x1, step))
      context.fillText((slot || 0).toLocaleString("en"), this.x(slot), top + height + 11);
    context.textAlign = "right";
    context.fillText(this.state.plan.step ? "Op" : "Slot", LEFT - 14, top + height + 11);
  }

  // The live profile

  get profileTop() {
    const { top, height } = this.plot;
    return top + height + AXIS;
  }

  get highest() {
    const { plan } = this.state;
    const reserved = plan.raw.reserved.reduce((most, [, , size]) => Math.max(most, size), 0);
    return Math.max(plan.livePeak, plan.raw.bound?.[0] ?? 0, reserved, 1);
  }

  profileY(size) {
    return this.profileTop + PROFILE - 8 - (size / this.highest) * (PROFILE - 30);
  }

  drawProfile(context) {
    const { plan, palette, shown, stack } = this.state;
    const { left, width } = this.plot;
    context.font = `11px ${FACE}`;
    context.fillStyle = palette.token("text3");
    context.textAlign = "right";
    context.fillText("Live", LEFT - 9, this.profileY(this.highest));
    for (const [value, text] of byteTicks(0, this.highest, 2).ticks)
      if (this.profileY(value) - this.profileY(this.highest) > 13) context.fillText(text, LEFT - 9, this.profileY(value));
    // At most two slots a pixel: of more the one with the most live bytes stands for all.
    const columns = columnSlots(plan, this.view, Math.round(width * 2));
    const rows = plan.profile.filter((row, at) => shown(stack[at]) && row.some(Boolean));
    const colours = stack.filter((category, at) => shown(category) && plan.profile[at].some(Boolean));
    const total = new Float64Array(columns.length);
    context.save();
    context.beginPath();
    context.rect(left, this.profileTop, width, PROFILE);
    context.clip();
    rows.forEach((row, at) => {
      const under = total.slice();
      columns.forEach((slot, n) => (total[n] += row[slot]));
      context.fillStyle = palette.token(`fill-${colours[at]}`);
      context.beginPath();
      this.stairs(context, columns, total);
      this.stairs(context, columns, under, true);
      context.fill();
    });
    context.beginPath();
    this.stairs(context, columns, total);
    context.strokeStyle = palette.token("text");
    context.lineWidth = 1.25;
    context.stroke();
    if (plan.raw.bound) {
      context.strokeStyle = palette.token("ok");
      context.setLineDash([6, 4]);
      const y = Math.round(this.profileY(plan.raw.bound[0])) + 0.5;
      line(context, left, y, left + width, y);
      context.setLineDash([]);
    }
    context.restore();
    this.drawPeak(context);
  }

  /** A staircase through the tops of columns, from the left or, to close an area, from the right. */
  stairs(context, columns, tops, backwards = false) {
    const edges = columns.map((slot, n) => [this.x(columns.first[n]), this.x(columns.last[n]), this.profileY(tops[n])]);
    if (backwards) edges.reverse();
    for (const [x0, x1, y] of edges) {
      context.lineTo(backwards ? x1 : x0, y);
      context.lineTo(backwards ? x0 : x1, y);
    }
  }

  drawPeak(context) {
    const { plan, palette } = this.state;
    const [x, y] = [this.x(plan.peak + 0.5), this.profileY(plan.livePeak)];
    const { left, width } = this.plot;
    if (x < left || x > left + width) return;
    const text = `Peak ${human(plan.livePeak)}`;
    const place = ` ${plan.step ? "op" : "slot"} ${plan.peak.toLocaleString("en")}${plan.place(plan.peak) && ", "}${plan.place(plan.peak)}`;
    context.font = `600 11px ${FACE}`;
    const strong = context.measureText(text).width;
    context.font = `11px ${FACE}`;
    const room = strong + context.measureText(place).width + 4;
    const start = Math.max(Math.min(x + 9, left + width - room), left);
    context.textAlign = "left";
    context.fillStyle = palette.token("text2");
    context.fillText(place, start + strong + 4, y - 12);
    context.font = `600 11px ${FACE}`;
    context.fillStyle = palette.token("text");
    context.fillText(text, start, y - 12);
    context.strokeStyle = palette.token("map");
    context.lineWidth = 1;
    context.beginPath();
    context.arc(x, y, 4, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }

  // What follows the pointer

  drawOverlay() {
    this.pointed = 0;
    const context = prepared(this.overlay, this.size, window.devicePixelRatio || 1);
    const { plan, palette, selected, hovered, cursor, found } = this.state;
    const { left, top, width, height } = this.plot;
    context.save();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    for (const i of found) this.outline(context, i, palette.token("warn"), 1.5);
    if (selected >= 0)
      for (const i of plan.stays.get(plan.storage[selected])) this.outline(context, i, palette.token("text"), 2);
    if (hovered >= 0) this.outline(context, hovered, palette.token("accent"), 2);
    context.restore();
    if (selected >= 0) this.drawUses(context);
    if (cursor >= this.view.x0 && cursor < this.view.x1) this.drawCursor(context);
  }

  outline(context, i, colour, thick) {
    const { plan } = this.state;
    const [x0, x1] = [this.x(plan.start[i]), this.x(plan.end[i])];
    const [y0, y1] = [this.y(plan.high[i]), this.y(plan.low[i])];
    const wide = Math.max(x1 - x0, 3);
    const tall = Math.max(y1 - y0, 3);
    context.strokeStyle = this.state.palette.token("map");
    context.lineWidth = thick + 2;
    context.strokeRect(x0, y0, wide, tall);
    context.strokeStyle = colour;
    context.lineWidth = thick;
    context.strokeRect(x0, y0, wide, tall);
  }

  /** Badges above the map for who makes (P) and who uses (1, 2, …) what is selected. */
  drawUses(context) {
    const { plan, selected, palette } = this.state;
    const { left, top, width } = this.plot;
    const { producers, consumers } = plan.usesOf(selected);
    const y = this.y((plan.low[selected] + plan.high[selected]) / 2);
    const badges = [...producers.slice(0, 1).map((slot) => ["P", slot]), ...consumers.map((slot, n) => [`${n + 1}`, slot])];
    let free = left;
    const places = [];
    for (const [text, slot] of badges.slice(0, 12)) {
      const x = this.x(slot + 0.5);
      if (x < left || x > left + width) continue;
      const at = Math.max(x, free + 9);
      free = at + 9;
      places.push([text, x, at]);
    }
    const lane = this.freeLane(places.map(([, , at]) => at));
    this.badgeBoxes = places.map(([, , at]) => [at - 9, lane - 9, at + 9, lane + 9]);
    context.textAlign = "center";
    context.font = `600 10px ${FACE}`;
    for (const [text, x, at] of places) {
      context.strokeStyle = palette.token("text");
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(at, lane + 8);
      context.lineTo(x, lane + 16);
      context.lineTo(x, y);
      context.stroke();
      context.fillStyle = palette.token(text === "P" ? "text" : "panel");
      context.beginPath();
      context.arc(at, lane, 8, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
      context.fillStyle = palette.token(text === "P" ? "panel" : "text");
      context.fillText(text, at, lane + 0.5);
      context.fillStyle = palette.token("text");
      context.beginPath();
      context.arc(x, y, 2.5, 0, 2 * Math.PI);
      context.fill();
    }
  }

  /** The height of the highest lane in which badges at `places` cover no words of lines, and the fewest names. */
  freeLane(places) {
    const { top, height } = this.plot;
    const most = Math.min(LANES, Math.max(Math.floor(height / LANE), 1));
    let best = [Infinity, top + 10];
    for (let n = 0; n < most; n++) {
      const lane = top + 10 + n * LANE;
      const covered = (boxes) =>
        boxes.filter(([x0, y0, x1, y1]) =>
          y0 < lane + 9 && y1 > lane - 9 && places.some((at) => x0 < at + 9 && x1 > at - 9)).length;
      const cost = 100 * covered(this.lineBoxes) + covered(this.nameBoxes);
      if (cost < best[0]) best = [cost, lane];
      if (cost === 0) break;
    }
    return best[1];
  }

  drawCursor(context) {
    const { plan, palette, cursor } = this.state;
    const { left, top, width, height } = this.plot;
    const x = Math.round(this.x(cursor + 0.5)) + 0.5;
    context.strokeStyle = palette.token("accent");
    context.lineWidth = 1;
    line(context, x, top, x, this.profileTop + PROFILE - 8);
    const text = cursor.toLocaleString("en");
    context.font = `600 11px ${FACE}`;
    const wide = context.measureText(text).width + 12;
    const at = Math.min(Math.max(x - wide / 2, left), left + width - wide);
    context.fillStyle = palette.token("accent");
    context.beginPath();
    context.roundRect(at, top + height + 2, wide, 18, 4);
    context.fill();
    context.fillStyle = palette.token("map");
    context.textAlign = "center";
    context.fillText(text, at + wide / 2, top + height + 11.5);
    context.fillStyle = palette.token("text");
    context.beginPath();
    context.arc(x, this.profileY(plan.live[cursor]), 3, 0, 2 * Math.PI);
    context.fill();
  }
}

/** For each of at most `most` columns the slot with the most live bytes, and where it begins and ends. */
function columnSlots(plan, view, most) {
  const first = Math.max(Math.floor(view.x0), 0);
  const last = Math.min(Math.ceil(view.x1), plan.slots);
  const each = Math.max((last - first) / most, 1);
  const columns = [];
  columns.first = [];
  columns.last = [];
  for (let from = first; from < last; from += each) {
    let best = Math.floor(from);
    const to = Math.min(from + each, last);
    for (let slot = best + 1; slot < to; slot++) if (plan.live[slot] > plan.live[best]) best = slot;
    columns.push(best);
    columns.first.push(from);
    columns.last.push(to);
  }
  return columns;
}

/** A canvas' context in pixels of CSS, empty. */
function prepared(canvas, { width, height }, ratio) {
  const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== columns || canvas.height !== rows) [canvas.width, canvas.height] = [columns, rows];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.textBaseline = "middle";
  return context;
}

function line(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

/** A range moved and cut to lie in [0, limit], and not shorter than `least`. */
function inside(first, last, limit, least) {
  const extent = Math.min(Math.max(last - first, Math.min(least, limit)), limit);
  const middle = (first + last) / 2;
  const from = Math.min(Math.max(middle - extent / 2, 0), limit - extent);
  return [from, from + extent];
}

// The map: what of it is visible, which pixel stands for what, and when it is drawn.

const MANY = 8000; // From so many rectangles on, a motion moves the last picture.

/**
 * Draws what `state` says onto two canvases: `ground` for the plan, `overlay` for what follows the
 * pointer. `view` is what is visible: places of the plan's axis [x0, x1), which are slots unless it
 * shows seconds, and bytes [y0, y1).
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

  /** Show a range, as far as there is anything, and no less than a few places and bytes. */
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

  pan(places, bytes) {
    const { x0, x1, y0, y1 } = this.view;
    const limit = this.whole();
    const dx = Math.min(Math.max(places, -x0), limit.x1 - x1);
    const dy = Math.min(Math.max(bytes, -y0), limit.y1 - y1);
    this.show({ x0: x0 + dx, x1: x1 + dx, y0: y0 + dy, y1: y1 + dy });
  }

  /** Show a rectangle with something around it. */
  fitTo(i) {
    const { left, right, low, high } = this.state.plan;
    const [places, bytes] = [right[i] - left[i], high[i] - low[i]];
    this.show({ x0: left[i] - places - 2, x1: right[i] + places + 2, y0: low[i] - 4 * bytes, y1: high[i] + 4 * bytes });
  }

  /** Move just so far that slots are in sight, and bytes. */
  reveal(first, last, low = this.view.y0, high = this.view.y1) {
    const { x0, x1, y0, y1 } = this.view;
    const { axis } = this.state.plan;
    const by = (from, to, a, b) => (b <= from || a >= to ? (a + b) / 2 - (from + to) / 2 : 0);
    const [dx, dy] = [by(x0, x1, axis.place(first), axis.place(last)), by(y0, y1, low, high)];
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
    return this.xOfPlace(this.state.plan.axis.place(slot));
  }

  xOfPlace(place) {
    return LEFT + ((place - this.view.x0) / (this.view.x1 - this.view.x0)) * this.plot.width;
  }

  y(address) {
    const { top, height } = this.plot;
    return top + ((this.view.y1 - address) / (this.view.y1 - this.view.y0)) * height;
  }

  slotAt(x) {
    return this.state.plan.axis.slot(this.placeAt(x));
  }

  placeAt(x) {
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
    const nearPlaces = (2 * (this.view.x1 - this.view.x0)) / width;
    const nearBytes = (2 * (this.view.y1 - this.view.y0)) / height;
    return this.state.plan.pick(this.placeAt(x), this.addressAt(y), this.state.shown, nearPlaces, nearBytes);
  }

  // Drawing

  /** Draw with the next frame; while `moving` with many rectangles, the last picture is moved first. */
  redraw({ moving = false } = {}) {
    this.moving = moving && this.state.plan.count > MANY;
    if (!this.asked) this.asked = requestAnimationFrame(() => this.draw());
  }

  /** Draw what follows the pointer, with the next frame. */
  point() {
    this.pointed ||= requestAnimationFrame(() => drawOverlay(this));
  }

  draw() {
    this.asked = 0;
    const ratio = window.devicePixelRatio || 1;
    const context = prepared(this.ground, this.size, ratio);
    const { plan } = this.state;
    context.textBaseline = "middle";
    drawBands(this, context);
    const large = drawPlot(this, context, ratio);
    drawAddresses(this, context);
    drawLabels(this, context, large, ratio);
    drawStripNames(this, context);
    drawLines(this, context);
    drawSlots(this, context);
    if (plan.slots) drawProfile(this, context);
    drawOverlay(this);
  }
}

/** A range moved and cut to lie in [0, limit], and not shorter than `least`. */
function inside(first, last, limit, least) {
  const extent = Math.min(Math.max(last - first, Math.min(least, limit)), limit);
  const middle = (first + last) / 2;
  const from = Math.min(Math.max(middle - extent / 2, 0), limit - extent);
  return [from, from + extent];
}

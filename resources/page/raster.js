// Rectangles as pixels. Written into memory by hand: the canvas' own fillRect is ten times slower.

const LEAST_EDGED = 3; // Device pixels of a side from which a rectangle gets an edge.

/** Colours of the theme as pixels (0xAABBGGRR): of each colour number a fill, an edge and an ink. */
class Palette {
  constructor(count) {
    const style = getComputedStyle(document.documentElement);
    this.token = (name) => style.getPropertyValue(`--${name}`).trim();
    this.dark = luminance(this.token("map")) < 0.5;
    this.names = [...Array(count).keys()].map((number) => this.token(`fill-${number}`));
    const ground = this.dark ? this.token("map") : "#10151c";
    const share = this.dark ? 0.6 : 0.4;
    this.fill = Uint32Array.from(this.names, pixel);
    this.edge = Uint32Array.from(this.names, (name) => mixed(pixel(ground), pixel(name), share));
    const [light, dark] = [this.token("ink-light"), this.token("ink-dark")];
    this.ink = this.names.map((name) => (contrast(name, light) > contrast(name, dark) ? light : dark));
    this.ground = pixel(this.token("map"));
    this.reserved = pixel(this.token("raised"));
    this.hatch = mixed(pixel(this.token("warn")), this.reserved, 0.55);
    this.grid = pixel(this.token("line"));
  }
}

function channels(colour) {
  const value = parseInt(colour.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

function pixel(colour) {
  const [red, green, blue] = channels(colour);
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** `share` of the first pixel, the rest of the second. */
function mixed(first, second, share) {
  let result = 0xff000000;
  for (const shift of [0, 8, 16]) {
    const [a, b] = [(first >>> shift) & 255, (second >>> shift) & 255];
    result |= Math.round(a * share + b * (1 - share)) << shift;
  }
  return result >>> 0;
}

/** Relative luminance, and the contrast of two colours (WCAG 2). */
function luminance(colour) {
  const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const [red, green, blue] = channels(colour).map((value) => linear(value / 255));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, two) {
  const [a, b] = [luminance(one), luminance(two)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/**
 * Draw the rectangles of a plan that `view` {x0, x1, y0, y1} shows into pixels; returns the numbers of
 * those large enough to be named. What is thinner than a pixel is mixed in by the share it covers.
 */
function drawRectangles(plan, view, pixels, width, height, palette, shown) {
  const scaleX = width / (view.x1 - view.x0);
  const scaleY = height / (view.y1 - view.y0);
  const { left: first, right: last, low, high, colour } = plan;
  const large = [];
  const thin = [];
  for (let i = 0; i < plan.count; i++) {
    if (last[i] <= view.x0 || first[i] >= view.x1 || high[i] <= view.y0 || low[i] >= view.y1) continue;
    if (!shown(colour[i])) continue;
    const left = Math.max(Math.round((first[i] - view.x0) * scaleX), 0);
    const right = Math.min(Math.round((last[i] - view.x0) * scaleX), width);
    const top = Math.max(Math.round((view.y1 - high[i]) * scaleY), 0);
    const bottom = Math.min(Math.round((view.y1 - low[i]) * scaleY), height);
    if (left >= right || top >= bottom) {
      thin.push(i);
      continue;
    }
    const fill = palette.fill[colour[i]];
    for (let y = top; y < bottom; y++) pixels.fill(fill, y * width + left, y * width + right);
    if (bottom - top >= LEAST_EDGED && right - left >= LEAST_EDGED) {
      const edge = palette.edge[colour[i]];
      pixels.fill(edge, top * width + left, top * width + right);
      for (let y = top; y < bottom; y++) pixels[y * width + left] = edge;
    }
    if ((bottom - top) * (right - left) > 300) large.push([i, left, top, right, bottom]);
  }
  for (const i of thin) {
    const [x, spanX] = covered((first[i] - view.x0) * scaleX, (last[i] - view.x0) * scaleX, width);
    const [y, spanY] = covered((view.y1 - high[i]) * scaleY, (view.y1 - low[i]) * scaleY, height);
    const share = Math.min((last[i] - first[i]) * scaleX, 1) * Math.min((high[i] - low[i]) * scaleY, 1);
    const fill = palette.fill[colour[i]];
    for (let row = y; row < y + spanY; row++)
      for (let at = row * width + x; at < row * width + x + spanX; at++)
        pixels[at] = mixed2(fill, pixels[at], share);
  }
  return large;
}

/** The first pixel and the number of pixels of a stretch, at least one, inside [0, limit). */
function covered(from, to, limit) {
  const first = Math.min(Math.max(to - from < 1 ? Math.floor((from + to) / 2) : Math.round(from), 0), limit - 1);
  const last = to - from < 1 ? first + 1 : Math.min(Math.max(Math.round(to), first + 1), limit);
  return [first, last - first];
}

/** As `mixed`, for the inner loop: all channels at once, `share` in 256ths. */
function mixed2(over, under, share) {
  const part = Math.round(share * 256);
  const rest = 256 - part;
  const redBlue = (((over & 0xff00ff) * part + (under & 0xff00ff) * rest) >>> 8) & 0xff00ff;
  const green = (((over & 0xff00) * part + (under & 0xff00) * rest) >>> 8) & 0xff00;
  return (0xff000000 | redBlue | green) >>> 0;
}

/** Fill areas (start, end, low, high); with a pitch only every so many diagonals of them. */
function drawAreas(areas, view, pixels, width, height, colour, pitch = 1) {
  const scaleX = width / (view.x1 - view.x0);
  const scaleY = height / (view.y1 - view.y0);
  for (const [start, end, low, high] of areas) {
    const left = Math.max(Math.round((start - view.x0) * scaleX), 0);
    const right = Math.min(Math.round((end - view.x0) * scaleX), width);
    const top = Math.max(Math.round((view.y1 - high) * scaleY), 0);
    const bottom = Math.min(Math.round((view.y1 - low) * scaleY), height);
    if (left >= right) continue;
    for (let y = top; y < bottom; y++) {
      if (pitch === 1) pixels.fill(colour, y * width + left, y * width + right);
      else for (let x = left; x < right; x++) if ((x + y) % pitch === 0) pixels[y * width + x] = colour;
    }
  }
}

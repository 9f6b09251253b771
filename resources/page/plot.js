// What lies on the map: rectangles over what is reserved, under names and lines.

const REST_MS = 70; // After a motion of many rectangles, before they are drawn anew.

/** Rectangles, areas and grid; returns those that can be named. */
function drawPlot(map, context, ratio) {
  const { left, top, width, height } = map.plot;
  const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
  const { plan, palette } = map.state;
  clearTimeout(map.rest);
  if (map.moving && map.kept?.image.width === columns && map.kept.image.height === rows) {
    map.rest = setTimeout(() => map.redraw(), REST_MS);
    return drawKept(map, context);
  }
  const image = new ImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  pixels.fill(palette.ground);
  const along = ([first, last, low, high]) => [plan.axis.place(first), plan.axis.place(last), low, high];
  const held = plan.raw.reserved.map(([first, last, size]) => [first, last, 0, size]);
  drawAreas(held.map(along), map.view, pixels, columns, rows, palette.reserved);
  for (const [value] of addressTicks(map).ticks) {
    const row = Math.round((map.y(value) - top) * ratio);
    if (row >= 0 && row < rows) pixels.fill(palette.grid, row * columns, (row + 1) * columns);
  }
  for (const [low, high, , category] of plan.raw.strips)
    if (plan.colouring.by === CATEGORY && map.state.shown(category))
      drawAreas([[0, plan.slots, low, high]], map.view, pixels, columns, rows, palette.fill[category]);
  drawAreas(plan.raw.unusable.map(along), map.view, pixels, columns, rows, palette.hatch, Math.round(7 * ratio));
  const large = drawRectangles(plan, map.view, pixels, columns, rows, palette, map.state.shown);
  context.putImageData(image, Math.round(left * ratio), Math.round(top * ratio));
  map.kept = plan.count > MANY ? { image: bitmapOf(image), view: map.view } : null;
  return large;
}

function bitmapOf(image) {
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** The last picture, moved and stretched to where its places and bytes are now. */
function drawKept(map, context) {
  const { image, view } = map.kept;
  const { left, top, width, height } = map.plot;
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  context.fillStyle = map.state.palette.token("map");
  context.fillRect(left, top, width, height);
  const [x, y] = [map.x(view.x0), map.y(view.y1)];
  context.drawImage(image, x, y, map.x(view.x1) - x, map.y(view.y0) - y);
  context.restore();
  return [];
}

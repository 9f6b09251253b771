// What is written on the map and beside it: names of tensors, strips and lines, addresses.

function addressTicks(map) {
  return byteTicks(map.view.y0, map.view.y1, Math.max(Math.floor(map.plot.height / 46), 1));
}

function drawAddresses(map, context) {
  const { ticks, unit } = addressTicks(map);
  const { top, height } = map.plot;
  context.font = `11px ${FACE}`;
  context.fillStyle = map.state.palette.token("text3");
  context.textAlign = "right";
  for (const [value, text] of ticks) {
    const y = map.y(value);
    if (y > top + 16) context.fillText(text, LEFT - 9, Math.min(y, top + height - 4));
  }
  context.fillText(unit, LEFT - 9, top + 5);
}

/** Names in the rectangles that have the room. */
function drawLabels(map, context, large, ratio) {
  const { plan, palette } = map.state;
  const { left, top, width } = map.plot;
  context.textAlign = "left";
  map.named = [];
  map.nameBoxes = [];
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
    map.named.push(i);
    map.nameBoxes.push([left + x0 + 5, middle - 7, left + x0 + 5 + wide, middle + 7]);
    context.font = `11px ${FACE}`;
    const size = human(plan.bytesOf(i));
    if (wide + 8 + context.measureText(size).width <= room) context.fillText(size, left + x0 + 13 + wide, middle);
  }
}

/** What a strip of residents is, where they are too small to be named themselves. */
function drawStripNames(map, context) {
  const { plan, palette, shown } = map.state;
  const { top, height } = map.plot;
  const named = map.named.filter((i) => plan.resident[i]);
  for (const [low, high, name, category] of plan.raw.strips) {
    const [y0, y1] = [Math.max(map.y(high), top), Math.min(map.y(low), top + height)];
    const plain = plan.colouring.by !== CATEGORY;
    if (y1 - y0 < 12 || !(plain || shown(category)) || named.some((i) => plan.low[i] >= low && plan.low[i] < high)) continue;
    const size = human(high - low);
    context.font = `500 11px ${FACE}`;
    const wide = context.measureText(name).width;
    context.font = `11px ${FACE}`;
    // The edges of small residents would strike the text through.
    context.fillStyle = plain ? palette.token("raised") : palette.names[category];
    context.fillRect(LEFT + 2, (y0 + y1) / 2 - 6, wide + context.measureText(size).width + 14, 12);
    context.fillStyle = plain ? palette.token("text") : palette.ink[category];
    context.fillText(size, LEFT + 13 + wide, (y0 + y1) / 2 + 0.5);
    context.font = `500 11px ${FACE}`;
    context.fillText(name, LEFT + 5, (y0 + y1) / 2 + 0.5);
  }
}

/** Plan height, bound and budget, with their words where the line is. */
function drawLines(map, context) {
  const { palette, plan } = map.state;
  const { left, top, width, height } = map.plot;
  const tones = { bound: "ok", reserved: "warn", budget: "accent", height: "text" };
  context.font = `500 11px ${FACE}`;
  map.lineBoxes = [];
  if (plan.raw.reserved.length) drawReserved(map, context);
  for (const [size, text, role] of plan.raw.lines) {
    const y = Math.round(map.y(size)) + 0.5;
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
    map.lineBoxes.push([start, y - 16, start + wide, y - 2]);
  }
}

/** As run: what the allocator holds, a staircase. */
function drawReserved(map, context) {
  const { left, top, width, height } = map.plot;
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  context.beginPath();
  for (const [first, last, size] of map.state.plan.raw.reserved) {
    context.lineTo(map.x(first), map.y(size));
    context.lineTo(map.x(last), map.y(size));
  }
  context.strokeStyle = map.state.palette.token("warn");
  context.lineWidth = 1.5;
  context.stroke();
  context.restore();
}

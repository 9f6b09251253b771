// What follows the pointer: outlines, badges of a selection's uses, the cursor.

const LANE = 20; // From one lane of badges to the next below.
const LANES = 8; // Tried before badges cover words.

function drawOverlay(map) {
  map.pointed = 0;
  const context = prepared(map.overlay, map.size, window.devicePixelRatio || 1);
  const { plan, palette, selected, hovered, cursor, found } = map.state;
  const { left, top, width, height } = map.plot;
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  for (const i of found) outline(map, context, i, palette.token("warn"), 1.5);
  if (selected >= 0)
    for (const i of plan.stays.get(plan.storage[selected])) outline(map, context, i, palette.token("text"), 2);
  if (hovered >= 0) outline(map, context, hovered, palette.token("accent"), 2);
  context.restore();
  if (selected >= 0) drawUses(map, context);
  if (cursor >= 0 && isInSight(map, cursor)) drawCursor(map, context);
}

/** Whether the middle of a slot is to be seen. */
function isInSight(map, slot) {
  const place = map.state.plan.axis.place(slot + 0.5);
  return place >= map.view.x0 && place < map.view.x1;
}

function outline(map, context, i, colour, thick) {
  const { plan } = map.state;
  const [x0, x1] = [map.x(plan.start[i]), map.x(plan.end[i])];
  const [y0, y1] = [map.y(plan.high[i]), map.y(plan.low[i])];
  const wide = Math.max(x1 - x0, 3);
  const tall = Math.max(y1 - y0, 3);
  context.strokeStyle = map.state.palette.token("map");
  context.lineWidth = thick + 2;
  context.strokeRect(x0, y0, wide, tall);
  context.strokeStyle = colour;
  context.lineWidth = thick;
  context.strokeRect(x0, y0, wide, tall);
}

/** Badges above the map for who makes (P) and who uses (1, 2, …) what is selected. */
function drawUses(map, context) {
  const { plan, selected, palette } = map.state;
  const { left, top, width } = map.plot;
  const { producers, consumers } = plan.usesOf(selected);
  const y = map.y((plan.low[selected] + plan.high[selected]) / 2);
  const badges = [...producers.slice(0, 1).map((slot) => ["P", slot]), ...consumers.map((slot, n) => [`${n + 1}`, slot])];
  let free = left;
  const places = [];
  for (const [text, slot] of badges.slice(0, 12)) {
    const x = map.x(slot + 0.5);
    if (x < left || x > left + width) continue;
    const at = Math.max(x, free + 9);
    free = at + 9;
    places.push([text, x, at]);
  }
  const lane = freeLane(map, places.map(([, , at]) => at));
  map.badgeBoxes = places.map(([, , at]) => [at - 9, lane - 9, at + 9, lane + 9]);
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
function freeLane(map, places) {
  const { top, height } = map.plot;
  const most = Math.min(LANES, Math.max(Math.floor(height / LANE), 1));
  let best = [Infinity, top + 10];
  for (let n = 0; n < most; n++) {
    const lane = top + 10 + n * LANE;
    const covered = (boxes) =>
      boxes.filter(([x0, y0, x1, y1]) =>
        y0 < lane + 9 && y1 > lane - 9 && places.some((at) => x0 < at + 9 && x1 > at - 9)).length;
    const cost = 100 * covered(map.lineBoxes) + covered(map.nameBoxes);
    if (cost < best[0]) best = [cost, lane];
    if (cost === 0) break;
  }
  return best[1];
}

function drawCursor(map, context) {
  const { plan, palette, cursor } = map.state;
  const { left, top, width, height } = map.plot;
  const x = Math.round(map.x(cursor + 0.5)) + 0.5;
  context.strokeStyle = palette.token("accent");
  context.lineWidth = 1;
  line(context, x, top, x, profileTop(map) + PROFILE - 8);
  const { axis } = plan;
  const number = cursor.toLocaleString("en");
  const text = axis.timed ? `${plan.step ? "op" : "slot"} ${number}, ${secondsText(axis.second(axis.place(cursor)))}` : number;
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
  context.arc(x, profileY(map, plan.live[cursor]), 3, 0, 2 * Math.PI);
  context.fill();
}

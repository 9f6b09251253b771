// Along the slots: bands of phases and modules above the map, the axis under it.

function drawBands(map, context) {
  const { phases, updates, modules } = map.state.plan.raw.bands;
  if (!phases.length) return;
  drawBand(map, context, 8, "Phase", phases, `600 11px ${FACE}`, "text");
  drawBand(map, context, 8 + BAND + 4, "Module", modules, `11px ${FACE}`, "text2");
  context.fillStyle = map.state.palette.token(`fill-${map.state.data.updates}`);
  for (const [first, last] of updates) {
    const [x0, x1] = clipped(map, first, last);
    if (x1 > x0) context.fillRect(x0, 8 + BAND, Math.max(x1 - x0, 1), 3);
  }
}

function drawBand(map, context, y, caption, bands, font, tone) {
  const { palette } = map.state;
  context.font = `11px ${FACE}`;
  context.fillStyle = palette.token("text3");
  context.textAlign = "right";
  context.fillText(caption, LEFT - 9, y + BAND / 2);
  context.textAlign = "left";
  context.font = font;
  for (const [first, last, name] of bands) {
    const [x0, x1] = clipped(map, first, last);
    if (x1 - x0 < 1) continue;
    context.fillStyle = palette.token("raised");
    context.fillRect(x0, y, x1 - x0 - 1, BAND);
    context.fillStyle = palette.token(tone);
    if (name && context.measureText(name).width + 10 < x1 - x0) context.fillText(name, x0 + 5, y + BAND / 2 + 0.5);
  }
}

function clipped(map, first, last) {
  return [Math.max(map.x(first), LEFT), Math.min(map.x(last), LEFT + map.plot.width)];
}

/** Marks under the map, [[place, text], …], and what they count. */
function slotTicks(map) {
  const { plan } = map.state;
  const { x0, x1 } = map.view;
  const most = Math.floor(map.plot.width / 64);
  if (plan.axis.timed) {
    const [first, last] = [plan.axis.second(x0), plan.axis.second(x1)];
    const { unit, ticks } = secondTicks(first, last, most);
    return { caption: unit, ticks: ticks.map(([second, text]) => [x0 + ((second - first) / (last - first)) * (x1 - x0), text]) };
  }
  const slots = multiples(x0, x1, Math.max(niceStep(x1 - x0, most), 1));
  return { caption: plan.step ? "Op" : "Slot", ticks: slots.map((slot) => [slot, (slot || 0).toLocaleString("en")]) };
}

function drawSlots(map, context) {
  const { top, height } = map.plot;
  const { caption, ticks } = slotTicks(map);
  context.font = `11px ${FACE}`;
  context.fillStyle = map.state.palette.token("text3");
  context.textAlign = "center";
  for (const [place, text] of ticks) context.fillText(text, map.xOfPlace(place), top + height + 11);
  context.textAlign = "right";
  context.fillText(caption, LEFT - 14, top + height + 11);
}

// Live bytes over the slots, stacked by what the colours tell, under the map.

function profileTop(map) {
  const { top, height } = map.plot;
  return top + height + AXIS;
}

function profileY(map, size) {
  return profileTop(map) + PROFILE - 8 - (size / map.state.plan.highest) * (PROFILE - 30);
}

function drawProfile(map, context) {
  const { plan, palette, shown } = map.state;
  const { left, width } = map.plot;
  context.font = `11px ${FACE}`;
  context.fillStyle = palette.token("text3");
  context.textAlign = "right";
  context.fillText("Live", LEFT - 9, profileY(map, plan.highest));
  for (const [value, text] of byteTicks(0, plan.highest, 2).ticks)
    if (profileY(map, value) - profileY(map, plan.highest) > 13) context.fillText(text, LEFT - 9, profileY(map, value));
  // At most two slots a pixel: of more the one with the most live bytes stands for all.
  const columns = columnSlots(plan, map.view, Math.round(width * 2));
  const { areas, sizes } = plan.colouring;
  const present = [...areas.keys()].filter((area) => shown(areas[area][0]) && sizes[area].some(Boolean));
  const total = new Float64Array(columns.length);
  // Asked for once: the page's layout is behind each of them.
  const edges = columns.map((slot, n) => [map.x(columns.first[n]), map.x(columns.last[n])]);
  const zero = profileY(map, 0);
  const scale = (profileY(map, plan.highest) - zero) / plan.highest;
  const heights = (sizes) => Array.from(sizes, (size) => zero + size * scale);
  context.save();
  context.beginPath();
  context.rect(left, profileTop(map), width, PROFILE);
  context.clip();
  for (const area of present) {
    const under = heights(total);
    columns.forEach((slot, n) => (total[n] += sizes[area][slot]));
    context.fillStyle = palette.names[areas[area][0]];
    context.beginPath();
    stairs(context, edges, heights(total));
    stairs(context, edges, under, true);
    context.fill();
  }
  context.beginPath();
  stairs(context, edges, heights(total));
  context.strokeStyle = palette.token("text");
  context.lineWidth = 1.25;
  context.stroke();
  if (plan.raw.bound) {
    context.strokeStyle = palette.token("ok");
    context.setLineDash([6, 4]);
    const y = Math.round(profileY(map, plan.raw.bound[0])) + 0.5;
    line(context, left, y, left + width, y);
    context.setLineDash([]);
  }
  context.restore();
  drawPeak(map, context);
}

/** A staircase through the tops of columns, from the left or, to close an area, from the right. */
function stairs(context, edges, tops, backwards = false) {
  for (let n = 0; n < edges.length; n++) {
    const at = backwards ? edges.length - 1 - n : n;
    const [first, last] = edges[at];
    context.lineTo(backwards ? last : first, tops[at]);
    context.lineTo(backwards ? first : last, tops[at]);
  }
}

function drawPeak(map, context) {
  const { plan, palette } = map.state;
  const [x, y] = [map.x(plan.peak + 0.5), profileY(map, plan.livePeak)];
  const { left, width } = map.plot;
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

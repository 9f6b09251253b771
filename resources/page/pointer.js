// Mouse, touch and keys on the map. The same as in Bayplan's window.

const CLICK = 4; // Pixels that a press may move and still be a click.
const WHEEL = 1.0015; // Zoom for each pixel of the wheel.

/** Let the mouse and the keys move `map` and change `state`. */
function listen(state, map, element) {
  let hold = null;

  const at = (event) => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const [x, y] = at(event);
    hold = { x, y, view: map.view, moved: false };
    element.setPointerCapture(event.pointerId);
  });

  element.addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    if (!hold) return state.point(x, y);
    if (Math.hypot(x - hold.x, y - hold.y) >= CLICK) hold.moved = true;
    if (!hold.moved) return;
    state.leave();
    const { width, height } = map.plot;
    const { x0, x1, y0, y1 } = hold.view;
    map.view = hold.view;
    map.pan(((hold.x - x) / width) * (x1 - x0), ((y - hold.y) / height) * (y1 - y0));
  });

  element.addEventListener("pointerup", (event) => {
    const [x, y] = at(event);
    const click = hold && !hold.moved;
    hold = null;
    if (click) state.select(map.rectangleAt(x, y));
    state.point(x, y);
  });

  element.addEventListener("pointercancel", () => (hold = null));
  element.addEventListener("pointerleave", () => hold || state.leave());
  element.addEventListener("dblclick", () => map.fit());

  element.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const [x, y] = at(event);
      const pixels = (event.deltaY || event.deltaX) * (event.deltaMode === 1 ? 33 : 1);
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
        map.pan(((pixels / map.plot.width) * (map.view.x1 - map.view.x0)), 0);
      else if (event.ctrlKey) map.zoom(WHEEL ** pixels, map.addressAt(y), true);
      else map.zoom(WHEEL ** pixels, map.placeAt(x));
      state.point(x, y);
    },
    { passive: false },
  );

  element.addEventListener("keydown", (event) => {
    if (event.altKey || event.metaKey || event.ctrlKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const act = keys(state, map, event.shiftKey)[key];
    if (!act) return;
    event.preventDefault();
    state.leave({ keepCursor: true });
    act();
  });
}

/** What each key does. */
function keys(state, map, shift) {
  const arrow = (right, up) => () => {
    const { x0, x1, y0, y1 } = map.view;
    if (shift || state.selected < 0) return map.pan(0.1 * right * (x1 - x0), 0.1 * up * (y1 - y0));
    state.go(state.plan.neighbour(state.selected, right, up, state.shown));
  };
  const at = state.cursor >= 0 ? state.plan.axis.place(state.cursor) : null;
  return {
    ArrowLeft: arrow(-1, 0),
    ArrowRight: arrow(1, 0),
    ArrowUp: arrow(0, 1),
    ArrowDown: arrow(0, -1),
    "+": () => map.zoom(0.7, at),
    "=": () => map.zoom(0.7, at),
    "-": () => map.zoom(1 / 0.7, at),
    f: () => (shift || state.selected < 0 ? map.fit() : map.fitTo(state.selected)),
    k: () => state.goToSlot(state.plan.peak),
    n: () => state.nextStay(shift ? -1 : 1),
    p: () => state.goToUse("P"),
    t: () => state.setTime(!state.timed),
    ".": () => state.goToSlot(Math.min(state.cursor + 1, state.plan.slots - 1)),
    ",": () => state.goToSlot(Math.max(state.cursor - 1, 0)),
    "[": () => state.showPlan(state.number - 1),
    "]": () => state.showPlan(state.number + 1),
    " ": () => state.play(),
    "/": () => document.getElementById("search").focus(),
    Escape: () => state.select(-1),
    ...Object.fromEntries([..."123456789"].map((digit) => [digit, () => state.goToUse(digit)])),
  };
}

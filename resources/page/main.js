// Opening: the data are unpacked, the state begins, the controls around the map are wired.

function start(data) {
  UNITS = data.units;
  const state = new State(data);
  const field = document.getElementById("search");
  field.addEventListener("input", () => state.find(field.value));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") state.stepFound(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") {
      field.value = "";
      state.find("");
      document.getElementById("map").focus();
    }
  });
  listen(state, state.map, document.getElementById("map"));
  document.getElementById("play").addEventListener("click", () => state.play());
  document.getElementById("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = state.palette.dark ? "light" : "dark";
    state.recolour();
  });
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => state.recolour());
  new ResizeObserver(() => state.map.redraw()).observe(document.getElementById("map"));
  state.begin();
  document.documentElement.dataset.ready = "yes";
  return state;
}

/** The state of this page, for whoever opens the browser's console. */
let bayplan = null;

unpack(document.getElementById("data").textContent)
  .then((data) => (bayplan = start(data)))
  .catch((error) => {
    document.getElementById("status").textContent = `The map could not be shown: ${error.message}`;
    throw error;
  });

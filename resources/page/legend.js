// The choosers of what colours and the axis tell, and the legend: what is shown of it.

const HINT = "Click: hide or show. Alt+click: show only this.";

class Look {
  constructor(state) {
    this.state = state;
    this.colour = document.getElementById("colour");
    this.time = document.getElementById("time");
    this.legend = document.getElementById("legend");
    this.ways = [];
    this.colour.addEventListener("change", () => {
      const [by, against] = this.ways[this.colour.selectedIndex];
      state.colourBy(by, against);
    });
    this.time.addEventListener("change", () => state.setTime(this.time.selectedIndex === 1));
    this.time.parentElement.hidden = !state.plans.some((plan) => plan.raw.seconds);
    this.boxesOf = null;
  }

  /** Offer what the shown plan knows. */
  choosers() {
    const { plan, plans, number, against } = this.state;
    this.ways = waysOf(plans, number);
    this.colour.replaceChildren(...this.ways.map(([, , words]) => new Option(words)));
    const chosen = ([by, other]) => by === plan.colouring.by && (by !== DIFFERENCE || other === against);
    this.colour.selectedIndex = this.ways.findIndex(chosen);
    this.time.options[0].text = plan.step ? "Op" : "Slot";
    this.time.selectedIndex = Number(plan.axis.timed);
    this.time.disabled = !plan.raw.seconds;
  }

  /** A box for each class of the colours with its bytes at the cursor, else at the peak. */
  boxes() {
    const { state } = this;
    const { plan, cursor } = state;
    const slot = cursor >= 0 ? cursor : plan.peak;
    const title = cursor >= 0 ? `${plan.step ? "At op" : "At slot"} ${slot.toLocaleString("en")}` : "At the peak";
    const classes = this.present();
    if (this.boxesOf !== plan.colouring) {
      this.boxesOf = plan.colouring;
      this.legend.replaceChildren(element("span", "when"), ...classes.map((one) => this.box(one)));
    }
    this.legend.firstChild.textContent = title;
    classes.forEach((one, n) => {
      const box = this.legend.children[n + 1];
      box.firstChild.checked = state.shown(one.numbers[0]);
      box.lastChild.textContent = human(plan.colouring.bytesAt(one, slot));
    });
  }

  /** Classes with boxes: of categories those that there are. */
  present() {
    const { category, colouring } = this.state.plan;
    if (colouring.by !== CATEGORY) return colouring.classes;
    return colouring.classes.filter(({ numbers }) => numbers.some((number) => category.includes(number)));
  }

  box(one) {
    const { state } = this;
    const input = element("input");
    let alone = false;
    input.type = "checkbox";
    input.addEventListener("click", (event) => (alone = event.altKey));
    input.addEventListener("change", () => (alone ? state.showAlone(one, this.present()) : state.toggle(one, input.checked)));
    const box = element("label", "", "", input, swatch(state.palette, one.numbers[0]), element("span", "", one.name), element("span", "bytes"));
    box.title = HINT;
    return box;
  }
}

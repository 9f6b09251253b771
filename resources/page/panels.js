// What stands around the map: heading, tooltip, details, what is alive. Text is always set as text: a
// name is never read as HTML.

/** An element with a class, a text and children. */
function element(tag, name = "", text = "", ...children) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

function swatch(palette, number) {
  const made = element("i", "swatch");
  made.style.background = palette.names[number];
  return made;
}

const MOST_ROWS = 200; // Of what is alive at a slot; the rest is counted.

class Panels {
  constructor(state) {
    this.state = state;
    this.at = (id) => document.getElementById(id);
  }

  heading() {
    const { state } = this;
    this.at("title").textContent = state.data.title;
    this.at("plans").replaceChildren(
      ...state.plans.map((plan, number) => {
        const button = element("button", "", plan.name);
        button.type = "button";
        button.setAttribute("role", "radio");
        button.setAttribute("aria-checked", String(number === state.number));
        button.addEventListener("click", () => state.showPlan(number));
        return button;
      }),
    );
    this.at("figures").replaceChildren(
      ...state.plan.raw.figures.map(([name, value, tone]) => {
        const told = element("dd", "", value);
        told.style.color = `var(--${tone})`;
        return element("div", "", "", element("dt", "", name), told);
      }),
    );
  }

  tooltip(x, y) {
    const { state } = this;
    const { plan, hovered: i } = state;
    const tip = this.at("tooltip");
    tip.hidden = i < 0;
    if (i < 0) return;
    tip.replaceChildren(
      element("strong", "", "", swatch(state.palette, plan.colour[i]), plan.nameOf(i)),
      this.table(this.facts(i)),
    );
    const area = this.at("map").getBoundingClientRect();
    const right = x + 16 + tip.offsetWidth > area.width ? x - 16 - tip.offsetWidth : x + 16;
    tip.style.left = `${Math.max(right, 4)}px`;
    tip.style.top = `${Math.max(Math.min(y + 16, area.height - tip.offsetHeight - 4), 4)}px`;
  }

  /** Names and values of a rectangle. */
  facts(i) {
    const { plan } = this.state;
    const rows = [
      ["Category", plan.kindOf(i)],
      ["Bytes", human(plan.bytesOf(i))],
      ["Shape", plan.shapeOf(i)],
      ["Address", `${human(plan.low[i])} – ${human(plan.high[i])}`],
      ["Lifetime", plan.resident[i] ? "all the time" : `${plan.step ? "ops" : "slots"} ${plan.start[i]} – ${plan.end[i] - 1}`],
    ];
    if (!plan.resident[i]) rows.push(["Made by", plan.place(plan.start[i])]);
    const stays = plan.stays.get(plan.storage[i]);
    if (stays.length > 1) rows.push(["In memory", `${stays.indexOf(i) + 1} of ${stays.length} times`]);
    return rows.filter(([, value]) => value);
  }

  table(rows) {
    return element("dl", "facts", "", ...rows.map(([name, value]) => element("div", "", "", element("dt", "", name), element("dd", "", value))));
  }

  details() {
    const { state } = this;
    const { plan, selected: i } = state;
    const place = this.at("details");
    if (i < 0) {
      place.replaceChildren(element("h2", "", "Nothing selected"), element("p", "quiet", "Click a tensor for its producer, its consumers and its line of code."));
      return;
    }
    const { producers, consumers, why } = plan.usesOf(i);
    const parts = [element("h2", "", "", swatch(state.palette, plan.colour[i]), plan.nameOf(i)), this.table(this.facts(i))];
    if (why) parts.push(element("h3", "", "Why is it alive"), element("p", "", why));
    if (producers.length) parts.push(element("h3", "", "Producer"), this.uses(producers, () => "P"));
    if (consumers.length) parts.push(element("h3", "", "Consumers"), this.uses(consumers, (n) => `${n + 1}`));
    const source = plan.op(producers[0] ?? consumers[0] ?? -1)?.source;
    if (source) parts.push(...this.source(source));
    place.replaceChildren(...parts);
    place.scrollTop = 0;
  }

  uses(slots, badge) {
    const rows = slots.slice(0, 40).map((slot, n) => {
      const op = this.state.plan.op(slot);
      const button = element("button", "use", "", element("b", "", badge(n)), element("span", "", op?.label ?? ""), element("em", "", op?.module ?? ""), element("span", "slot", slot.toLocaleString("en")));
      button.type = "button";
      button.addEventListener("click", () => this.state.goToSlot(slot));
      return element("li", "", "", button);
    });
    return element("ol", "uses", "", ...rows);
  }

  source([file, number, here, lines]) {
    const code = element("pre", "code");
    lines.forEach((text, n) => {
      const row = element("span", n === here ? "here" : "", "", element("i", "", String(number - here + n)), `${text}\n`);
      code.append(row);
    });
    return [element("h3", "", "Source"), ...(lines.length ? [code] : []), element("p", "quiet", `${file}:${number}`)];
  }

  /** What is there at the cursor, else at the peak, the largest first. */
  alive() {
    const { state } = this;
    const { plan } = state;
    const slot = state.cursor >= 0 ? state.cursor : plan.peak;
    if (slot < 0) return;
    const found = plan.aliveAt(slot, state.shown);
    const where = `${plan.step ? "op" : "slot"} ${slot.toLocaleString("en")}`;
    const total = found.reduce((sum, i) => sum + plan.high[i] - plan.low[i], 0);
    this.at("alive-title").textContent = slot === plan.peak ? `Alive at the peak, ${where}` : `Alive at ${where}`;
    const op = plan.place(slot);
    this.at("alive-op").textContent = `${found.length.toLocaleString("en")} tensors, ${human(total)}${op && " · "}${op}`;
    this.at("alive-rows").replaceChildren(...found.slice(0, MOST_ROWS).map((i) => this.row(i)), ...this.rest(found));
  }

  row(i) {
    const { state } = this;
    const { plan } = state;
    const button = element("button", "", plan.nameOf(i));
    button.type = "button";
    button.addEventListener("click", () => state.go(i));
    const row = element("tr", "", "", element("td", "", "", swatch(state.palette, plan.colour[i]), button), element("td", "bytes", human(plan.bytesOf(i))));
    row.setAttribute("aria-selected", String(state.selected >= 0 && plan.storage[i] === plan.storage[state.selected]));
    return row;
  }

  rest(found) {
    if (found.length <= MOST_ROWS) return [];
    const bytes = found.slice(MOST_ROWS).reduce((sum, i) => sum + this.state.plan.bytesOf(i), 0);
    const text = `and ${(found.length - MOST_ROWS).toLocaleString("en")} more`;
    return [element("tr", "quiet", "", element("td", "", text), element("td", "bytes", human(bytes)))];
  }

  status() {
    const { plan, cursor, number } = this.state;
    const where = cursor >= 0 ? ` · live ${human(plan.live[cursor])} at ${plan.step ? "op" : "slot"} ${cursor.toLocaleString("en")}` : "";
    this.at("status").textContent = `${plan.name} · ${plan.count.toLocaleString("en")} rectangles · peak ${human(plan.livePeak)}${where}`;
    [...this.at("plans").children].forEach((button, n) => button.setAttribute("aria-checked", String(n === number)));
  }
}

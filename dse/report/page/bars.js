// What a number consists of, as one bar: the parts of energy, cost and carbon.
const PARTS = ["dram", "compute", "sram", "vector", "flash", "power-cap", "overhead", "link"].map((name) => `var(--bound-${name})`);
const LEAST_NAMED = 0.03;

// By name, so that a part keeps its colour while a slider moves; of two that want the same one the larger has it, and
// the other takes one that is left. There are more parts than colours: the smallest ones are grey.
function partColours(parts) {
  const names = parts.map(([part]) => part).sort((one, other) => (DATA.words[one] < DATA.words[other] ? -1 : 1));
  const free = new Set(PARTS);
  const found = new Map();
  for (const [part] of [...parts].sort((one, other) => other[1] - one[1])) {
    const own = PARTS[names.indexOf(part) % PARTS.length];
    const colour = free.has(own) ? own : [...free][0] || "var(--line)";
    free.delete(colour);
    found.set(part, colour);
  }
  return found;
}

// A column as one bar; what a part takes away is in the table of the ledger.
function partsBar(name, { total, parts }) {
  const colours = partColours(parts);
  const bar = element("div", { class: "stacked", "aria-hidden": "true" });
  const positive = parts.filter(([, amount]) => amount > 0);
  const whole = positive.reduce((sum, [, amount]) => sum + amount, 0);
  for (const [part, amount] of positive) {
    const piece = element("span", { title: `${DATA.words[part]} ${percent(amount / total)}` });
    piece.style.width = `${(100 * amount) / whole}%`;
    piece.style.background = colours.get(part);
    bar.append(piece);
  }
  const named = positive.filter(([, amount]) => amount >= LEAST_NAMED * total).map(([part, amount]) => {
    const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = colours.get(part);
    return element("li", {}, swatch, `${DATA.words[part]} ${percent(amount / total)}`);
  });
  return element("div", { class: "phase", "data-bar": name },
    element("p", {}, element("strong", {}, COLUMN.get(name).label), ` ${shown(name, total)} ${COLUMN.get(name).unit}`), bar, element("ul", { class: "legend" }, ...named));
}

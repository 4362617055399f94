// One design: its numbers, roofline, time by ceiling, operators, and where its joules, dollars and grams come from.
function drawDesign() {
  const row = state.selected;
  byId("design-title").textContent = `Design ${value(POINT, row)}`;
  const body = byId("design-body");
  const taken = DATA.designs[row];
  const parts = [facts(row)];
  if (!taken) {
    parts.push(element("p", {}, `What this design consists of is not in this file, which holds that of ${Object.keys(DATA.designs).length} designs of the front. `,
      element("code", {}, `dse explain RUN --design ${value(POINT, row)}`), " prints it."));
  } else {
    const width = Math.max(300, body.clientWidth - 2);
    const roof = roofline(taken, width);
    if (roof) parts.push(element("h3", {}, "Roofline"), element("div", { class: "picture" }, roof[0]), roof[1]);
    const energy = energyRoofline(taken.energy, width);
    if (energy) parts.push(element("h3", {}, "Energy roofline"), element("div", { class: "picture", id: "energy-roofline" }, energy[0]), energy[1]);
    const bars = DATA.ledger_columns.map((name, i) => (taken.ledgers[i].total === null ? null : partsBar(name, taken.ledgers[i])));
    parts.push(element("h3", {}, "What it consists of"), element("div", { id: "consists" }, ...taken.phases.map(phaseBar), ...bars.filter((bar) => bar)));
    parts.push(element("h3", {}, "Operators"), ...taken.phases.map(operators));
    parts.push(element("h3", {}, "Joules, dollars, grams, by constant"), ...DATA.ledger_columns.map((name, i) => ledger(name, taken.ledgers[i])).filter((node) => node));
  }
  body.replaceChildren(...parts);
}

function facts(row) {
  const group = ([title, kinds]) => {
    const columns = DATA.columns.filter((one) => kinds.includes(one.kind));
    if (!columns.length) return [];
    const list = element("dl", { class: "facts" });
    for (const column of columns) {
      list.append(element("div", {}, element("dt", { title: column.meaning || null }, label(column.name)),
        element("dd", { class: column.text ? null : "number", "data-column": column.name, "data-value": String(value(column.name, row)) }, shown(column.name, value(column.name, row)))));
    }
    return [element("h3", {}, title), list];
  };
  return element("div", { class: "groups" },
    element("div", {}, ...[["Design", ["design", "scenario"]], ["Objectives", ["objective"]]].flatMap(group)),
    element("div", { class: "wide" }, ...group(["Everything else", ["metric"]]), ...group(["Over samples of the constants", ["uncertainty"]]),
      ...(DATA.leaning || []).map((line) => element("p", { class: "hint" }, line))));
}

function phaseBar(phase) {
  const total = phase.parts.reduce((sum, [, time]) => sum + time, 0);
  const bar = element("div", { class: "stacked", "aria-hidden": "true" });
  for (const [part, time] of phase.parts) {
    const piece = element("span", { title: `${BOUND[DATA.words[part]] || DATA.words[part]} ${percent(time / total)}` });
    piece.style.width = `${(100 * time) / total}%`;
    piece.style.background = boundColour(DATA.words[part]);
    bar.append(piece);
  }
  return element("div", { class: "phase" },
    element("p", {}, element("strong", {}, DATA.words[phase.name]), ` ${seconds(phase.seconds)}, by what binds:`), bar,
    element("ul", { class: "legend" }, ...phase.parts.filter(([, time]) => time >= 0.0005 * total).map(([part, time]) => boundItem(DATA.words[part], ` ${percent(time / total)}`))));
}

function operators(phase) {
  const head = ["operator", "count", "FLOP", "DRAM bytes", "time", "share", "bound by"];
  const rows = [...phase.operators].sort((one, other) => other[3] - one[3]).map(([name, count, flop, time, bytes, bound]) =>
    element("tr", {}, element("th", { scope: "row" }, DATA.words[name]),
      ...[String(count), rate(flop, ""), rate(bytes, "B"), seconds(time), percent(time / passSeconds(phase))].map((text) => element("td", {}, text)),
      element("td", { class: "text" }, BOUND[DATA.words[bound]] || DATA.words[bound])));
  const name = DATA.words[phase.name];
  return element("details", {}, element("summary", {}, `Operators of ${name}, in one pass`),
    element("div", { class: "scroll", role: "region", "aria-label": `Operators of ${name}`, tabindex: 0 },
      element("table", {}, element("thead", {}, element("tr", {}, ...head.map((text) => heading(text, ["operator", "bound by"])))), element("tbody", {}, ...rows))));
}

function heading(text, left) {
  return text ? element("th", { scope: "col", class: left.includes(text) ? "text" : null }, text) : element("td");
}

function ledger(name, { total, parts }) {
  if (total === null) return null;
  const largest = Math.max(...parts.map(([, amount]) => Math.abs(amount)));
  const rows = parts.map(([part, amount]) => {
    const bar = element("span", { class: amount < 0 ? "bar-piece less" : "bar-piece", "aria-hidden": "true" });
    bar.style.width = `${(100 * Math.abs(amount)) / largest}%`;
    const constants = DATA.constants_of[DATA.words[part]] || [];
    return element("tr", {}, element("th", { scope: "row" }, DATA.words[part]),
      element("td", {}, shown(name, amount)), element("td", {}, percent(amount / total)),
      element("td", { class: "bars" }, bar), element("td", { class: "text source" }, constants.slice(0, 3).join(", ") + (constants.length > 3 ? ` and ${constants.length - 3} more` : "")));
  });
  const head = ["part", COLUMN.get(name).unit || "", "share", "", "from these constants"];
  return element("details", { open: name === DATA.ledger_columns[0] },
    element("summary", {}, `${label(name)}: ${shown(name, total)}`),
    element("div", { class: "scroll", role: "region", "aria-label": `Parts of ${COLUMN.get(name).label}`, tabindex: 0 },
      element("table", {}, element("thead", {}, element("tr", {}, ...head.map((text) => heading(text, ["part", "from these constants"])))),
        element("tbody", {}, ...rows))));
}

// The page put together: what never changes is drawn once, the rest whenever something is kept, chosen or resized.
function drawHeader() {
  document.title = `${DATA.name}: report`;
  byId("name").textContent = DATA.name;
  const limits = DATA.constraints.length ? DATA.constraints.join(", ") : "none";
  const goals = OBJECTIVES.map((name) => `${DATA.columns.length ? COLUMN.get(name).label : name} ${DATA.objectives[name]}`).join(", ");
  const thinned = DATA.count < DATA.front && DATA.count ? [`${DATA.count} of the ${DATA.front} designs of the front are in this file, the best ones among them; front.parquet has all`] : [];
  byId("lines").replaceChildren(...[...DATA.lines, ...thinned, `objectives: ${goals}; limits: ${limits}; efficiency: ${DATA.efficiency}`].map((line) => element("p", {}, line)));
  const sections = [...document.querySelectorAll("main > section")].filter((one) => !one.hidden);
  byId("contents").replaceChildren(...sections.map((one) => element("li", {}, element("a", { href: `#${one.id}` }, one.querySelector("h2").textContent))));
}

function drawPicks() {
  const fixed = DATA.columns.filter((column) => column.kind === "design").map((column) => column.name);
  const names = [...new Set([POINT, ...DATA.axes.filter((name) => !OBJECTIVES.includes(name)), ...fixed, ...OBJECTIVES])];
  const head = element("tr", {}, element("td"), ...DATA.picks.map((pick) => element("th", { scope: "col" }, pick.name)));
  const line = (text, cell, said = null) => element("tr", {}, element("th", { scope: "row", class: said && "quiet", "aria-label": said }, text), ...DATA.picks.map(({ row }) => element("td", {}, cell(row))));
  const rows = names.flatMap((name) => {
    if (name === POINT) return [line(label(name), (row) => element("button", { type: "button", class: "choose", onclick: () => show(row), "aria-label": `Look at design ${value(POINT, row)}` }, String(value(POINT, row))))];
    const own = line(label(name), (row) => shown(name, value(name, row)));
    const [low, middle, high] = [5, 50, 95].map((part) => `${name}_p${part}`);
    if (!COLUMN.has(middle)) return [own];
    const spread = line("median (p5 to p95)", (row) => `${shown(middle, value(middle, row))} (${shown(low, value(low, row))} to ${shown(high, value(high, row))})`, `${COLUMN.get(name).label}, median (p5 to p95)`);
    return [own, spread];
  });
  for (const name of DATA.columns.map((column) => column.name).filter((name) => name.startsWith("probability_"))) rows.push(line(label(name), (row) => shown(name, value(name, row))));
  byId("picks").replaceChildren(element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
  byId("leaning").replaceChildren(...DATA.leaning.map((line) => element("p", {}, line)));
}

function show(row) {
  select(row);
  byId("design").scrollIntoView({ behavior: window.matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  byId("design-title").focus({ preventScroll: true });
}

function drawConstants() {
  const words = byId("find").value.toLowerCase().split(/\s+/).filter((word) => word);
  const told = (row) => [row.constant, row.option, row.table, row.unit, row.family, row.source, row.scenario].join(" ").toLowerCase();
  const rows = DATA.constants.filter((row) => words.every((word) => told(row).includes(word)));
  const head = ["constant", "option", "value", "low", "high", "unit", "year", "source"];
  const body = rows.map((row) => element("tr", {},
    element("th", { scope: "row" }, row.constant + (row.overridden ? " (of this study)" : "")),
    element("td", { class: "text option" }, [row.option, row.scenario].filter((text) => text).join("; ")),
    ...[row.value, row.low, row.high].map((number) => element("td", {}, String(number))),
    element("td", { class: "text" }, row.unit === "1" ? "" : row.unit), element("td", {}, String(row.year)), element("td", { class: "text source" }, row.source)));
  byId("constants").replaceChildren(element("table", {}, element("thead", {}, element("tr", {}, ...head.map((text) => heading(text, ["constant", "option", "unit", "source"])))), element("tbody", {}, ...body)));
  byId("found").textContent = `${rows.length} of ${DATA.constants.length}`;
}

function drawProvenance() {
  byId("made").replaceChildren(...DATA.provenance.map(([name, text]) => element("div", {}, element("dt", {}, name), element("dd", {}, text))));
  byId("study").textContent = DATA.study;
}

function drawKept() {
  byId("kept").textContent = `${keptRows.length} of ${DATA.count} design${DATA.count === 1 ? "" : "s"} ${keptRows.length === 1 ? "is" : "are"} kept`;
  byId("reset").disabled = state.ranges.size === 0;
}

function draw(what) {
  if (what === "filter") {
    drawKept();
    drawRanges();
  }
  if (what !== "axes" || state.colour !== draw.colour) drawParallel();
  draw.colour = state.colour;
  drawScatter();
  if (what !== "axes") drawTable();
  if (what === "select") drawDesign();
}

function drawWhatBinds() {
  const known = Boolean(DATA.maps);
  byId("binding").hidden = !known;
  if (known) {
    drawMapChoices();
    drawMaps();
  }
}

function start() {
  if (!DATA.count) {
    for (const one of document.querySelectorAll("[data-front]")) one.hidden = true;
    byId("picks").replaceChildren(element("pre", {}, DATA.nothing));
  }
  if (DATA.count) drawWhatBinds();
  drawHeader();
  drawConstants();
  drawProvenance();
  byId("find").addEventListener("input", drawConstants);
  if (!DATA.count) return;
  drawPicks();
  filter();
  drawChoices();
  drawKept();
  drawRanges();
  byId("reset").addEventListener("click", keepAll);
  byId("csv").addEventListener("click", download);
  listen(draw);
  turnTo(state.selected);
  draw("select");
  const again = () => {
    draw("select");
    if (DATA.maps) drawMaps();
  };
  let wait = 0;
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    clearTimeout(wait);
    wait = setTimeout(again, 100);
  });
  darkPage.addEventListener("change", again);
}

start();

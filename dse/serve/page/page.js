// The page put together: whatever changes is asked for at once, and drawn as soon as it is there.
let shownView = null;
let busy = false;
let again = false;

async function changed() {
  again = true;
  if (busy) return;
  busy = true;
  while (again) {
    again = false;
    const view = await ask("/api/view", asking());
    if (view === null) {
      document.body.classList.add("waiting");
      drawnOnce();
      continue;
    }
    complain("");
    clearWrong();
    document.body.classList.remove("waiting");
    shownView = view;
    DATA.words = view.words;
    DATA.constants_of = view.constants_of;
    DATA.ledger_columns = view.ledger_columns;
    DATA.rows = Object.fromEntries(DATA.columns.map(({ name }) => [name, [view.columns[name] ?? null]]));
    DATA.count = 1;
    writeAddress();
    drawView();
    drawnOnce();
  }
  busy = false;
}

// Says, to whoever measures, that what was asked for is on the page.
function drawnOnce() {
  document.body.dataset.drawn = String(Number(document.body.dataset.drawn || 0) + 1);
}

function drawView() {
  byId("headlines").replaceChildren(...DATA.headlines.map((name) => {
    const column = COLUMN.get(name);
    return element("div", {}, element("dt", {}, column.label),
      element("dd", { "data-headline": name, "data-value": String(value(name, 0)) }, shown(name, value(name, 0)), " ", element("small", {}, column.unit)));
  }));
  const reason = shownView.columns.reason;
  const verdict = byId("verdict");
  const told = reason ? `Not feasible: ${reason}` : `Feasible${shownView.limits.length ? `: keeps ${shownView.limits.join(", ")}` : ""}`;
  if (verdict.textContent !== told) verdict.textContent = told;
  verdict.className = reason ? "not" : "";
  byId("facts").replaceChildren(facts(0));
  drawTime();
  const parts = shownView.designs[0].ledgers;
  redrawn("ledgers", DATA.ledger_columns.flatMap((name, i) => (parts[i].total === null ? [] : [element("div", {}, partsBar(name, parts[i]), partsTable(name, parts[i]))])));
  if (!byId("ledgers").children.length) byId("ledgers").replaceChildren(element("p", { class: "quiet" }, "A design that cannot be built has no costs."));
  drawCompared(shownView);
  if (front && front.ended) drawFront();
}

function partsTable(name, parts) {
  const node = ledger(name, parts);
  node.querySelector("summary").textContent = `Parts of ${COLUMN.get(name).label} and their constants`;
  return node;
}

function drawTime() {
  const taken = shownView.designs[0];
  const phases = taken.phases.filter((phase) => state.phase === "both" || DATA.words[phase.name].startsWith(state.phase));
  const width = Math.max(280, byId("time").clientWidth - 36);
  const roof = roofline({ ...taken, phases: phases.filter((phase) => phase.seconds !== null) }, width);
  byId("roofline").replaceChildren(...(roof ? [element("div", { class: "picture" }, roof[0]), roof[1]] : []));
  redrawn("operators", phases.flatMap((phase) => (phase.seconds === null
    ? [element("p", {}, element("strong", {}, DATA.words[phase.name]), " has no time: the design cannot be built, or the workload does not fit.")]
    : [phaseBar(phase), operators(phase)])));
}

// Put new nodes in the place of others; what was opened stays open.
function redrawn(id, nodes) {
  const name = (node) => node.querySelector("summary").textContent.split(":")[0].split(" [")[0];
  const box = byId(id);
  const before = new Map([...box.querySelectorAll("details")].map((node) => [name(node), node.open]));
  const focused = document.activeElement && box.contains(document.activeElement) ? document.activeElement.closest("details") : null;
  const focusedName = focused && document.activeElement.tagName === "SUMMARY" ? name(focused) : null;
  box.replaceChildren(...nodes);
  for (const node of box.querySelectorAll("details")) {
    node.open = before.size === 0 && id === "operators" && window.innerWidth > 900;
    if (before.has(name(node))) node.open = before.get(name(node));
    if (focusedName === name(node)) node.querySelector("summary").focus({ preventScroll: true });
  }
}

function begun() {
  document.title = `${DATA.name}: dse serve`;
  byId("name").textContent = DATA.name;
  const goals = OBJECTIVES.map((name) => `${COLUMN.get(name).label} ${DATA.objectives[name]}`).join(", ");
  byId("lines").replaceChildren(element("p", {}, `Move a slider, change a word: every number is computed anew. Objectives: ${goals}.`));
  const strange = readAddress();
  drawControls();
  drawCompareChoice();
  drawSweepChoice();
  drawExports();
  drawFront();
  changed().then(() => strange && complain(strange));
  const redraw = () => {
    if (!shownView) return;
    drawTime();
    drawFront();
  };
  let wait = 0;
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    clearTimeout(wait);
    wait = setTimeout(redraw, 100);
  });
  darkPage.addEventListener("change", redraw);
  window.addEventListener("pagehide", writeAddressNow);
  window.addEventListener("hashchange", () => location.reload());
}

begun();

// Two columns against each other: designs behind the front, the front, published devices; a rectangle is a range of both.
const SCATTER = { left: 66, right: 14, top: 12, bottom: 46, height: 400, reach: 14 };
const SHAPES = ["◆", "■", "▲", "▼", "✚", "✖", "◀", "▶"];

function drawChoices() {
  const choices = [...DATA.axes, ...DATA.columns.filter((c) => c.kind === "metric").map((c) => c.name)];
  const menu = (text, key, options) =>
    element("label", {}, `${text} `, element("select", {
      id: `choose-${key}`,
      onchange: (event) => {
        state[key] = event.target.value || null;
        notify("axes");
      },
    }, ...options.map(([name, told]) => element("option", { value: name, selected: (state[key] || "") === name }, told))));
  const named = choices.map((name) => [name, label(name)]);
  byId("scatter-choice").replaceChildren(
    menu("across", "x", named), menu("up", "y", named), menu("colour", "colour", [["", "one colour"], ...named]),
    ...(DATA.spreads ? [element("label", {}, element("input", { type: "checkbox", id: "choose-spreads", checked: state.spreads, onchange: ({ target }) => {
      state.spreads = target.checked;
      notify("axes");
    } }), " uncertainty of the constants")] : []));
}

function marksAt(name) {
  return DATA.marks.flatMap((mark) => mark.values[name] || []);
}

function drawScatter() {
  const box = byId("scatter");
  const width = Math.max(280, box.clientWidth);
  const { left, right, top, bottom, height } = SCATTER;
  const { x, y } = state;
  const cloudX = DATA.cloud[x] || [];
  const cloudY = DATA.cloud[y] || [];
  const rings = ellipses(x, y);
  const behind = cloudX.length && cloudY.length && !rings.length; // the front fills the picture beside ellipses
  const beside = [0, 1].map((k) => [...(behind ? [cloudX, cloudY][k] : []), ...rings.flatMap(([, corners]) => corners.map((corner) => corner[k]))]);
  const across = scale(x, left + 10, width - right - 10, [...beside[0], ...marksAt(x)], spread(x, beside[0]));
  const up = scale(y, height - bottom - 10, top + 10, [...beside[1], ...marksAt(y)], spread(y, beside[1]));
  const [node, pen] = canvas(width, height);
  if (behind) {
    pen.fillStyle = themed("--cloud");
    cloudX.forEach((number, i) => dot(pen, across.at(number), up.at(cloudY[i]), 1.6));
  }
  const kept = new Set(keptRows);
  const share = shareOf(state.colour);
  const place = (row) => {
    const [a, b] = [numeric(x, row), numeric(y, row)];
    return a === null || b === null ? null : [across.at(a), up.at(b)];
  };
  pen.fillStyle = themed("--faint");
  for (let row = 0; row < DATA.count; row++) if (!kept.has(row) && place(row)) dot(pen, ...place(row), 3);
  for (const row of keptRows) {
    if (!place(row)) continue;
    pen.fillStyle = state.colour ? colourOf(share(row)) : themed("--front");
    dot(pen, ...place(row), 4);
  }
  const overlay = drawn("svg", { width, height, role: "img", "aria-label": `${label(y)} over ${label(x)}: ${keptRows.length} designs; the table below has their numbers` });
  overlay.append(plainAxes(across, up, width, SCATTER, label(state.x), label(state.y)));
  overlay.append(...drawEllipses(rings, across, up));
  const legend = drawMarks(overlay, across, up, x, y);
  if (state.selected !== null && place(state.selected)) {
    const [cx, cy] = place(state.selected);
    overlay.append(drawn("circle", { class: "chosen", cx, cy, r: 7 }));
  }
  overlay.append(brushRectangle(across, up, width, x, y, place));
  box.replaceChildren(element("div", { class: "stack" }, node, overlay));
  box.firstChild.style.height = `${height}px`;
  byId("scatter-legend").replaceChildren(
    state.colour ? colourLegend(state.colour) : element("li", {}, swatch("--front"), "front"),
    ...(behind ? [element("li", {}, swatch("--cloud"), "other feasible designs, a sample")] : []),
    ...ellipseLegend(rings), ...legend);
}

function spread(name, others) {
  const [least, most] = extent(name, [...others, ...marksAt(name)]);
  return least > 0 && most > DATA.wide * least;
}

// The front where its colour is that of a column.
function colourLegend(name) {
  const node = element("span", { class: "swatch long", "aria-hidden": "true" });
  node.style.background = `linear-gradient(to right, ${[0, 0.25, 0.5, 0.75, 1].map((share) => colourOf(share)).join(", ")})`;
  const column = COLUMN.get(name);
  const ends = column.text ? [column.levels[0], column.levels[column.levels.length - 1]] : extent(name).map((number) => shown(name, number));
  return element("li", {}, node, `front, by ${label(name)}: ${ends[0]} to ${ends[1]}`);
}

function swatch(name) {
  const node = element("span", { class: "swatch", "aria-hidden": "true" });
  node.style.background = `var(${name})`;
  return node;
}

function dot(pen, x, y, radius) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fill();
}

// Published devices, by shape; what is unknown of one is said in the legend.
function drawMarks(overlay, across, up, x, y) {
  return DATA.marks.map((mark, i) => {
    const shape = SHAPES[i % SHAPES.length];
    const xs = mark.values[x] || [];
    const ys = mark.values[y] || [];
    xs.forEach((number, k) => {
      if (ys[k] !== undefined && number !== null && ys[k] !== null) {
        overlay.append(drawn("text", { x: across.at(number), y: up.at(ys[k]) + 5, class: "mark" }, shape));
      }
    });
    const missing = OBJECTIVES.filter((name) => !(name in mark.values)).map((name) => COLUMN.get(name).label);
    const note = mark.note || (missing.length ? `unknown: ${missing.join(", ")}` : "");
    return element("li", {}, element("span", { class: "shape", "aria-hidden": "true" }, shape), note ? `${mark.label} (${note})` : mark.label);
  });
}

function brushRectangle(across, up, width, x, y, place) {
  const { left, right, top, bottom, height } = SCATTER;
  const area = drawn("rect", { class: "strip", id: "scatter-area", x: left, y: top, width: width - left - right, height: height - top - bottom });
  let start = null;
  let live = null;
  const at = (event) => {
    const box = area.ownerSVGElement.getBoundingClientRect();
    return [Math.min(width - right, Math.max(left, event.clientX - box.left)), Math.min(height - bottom, Math.max(top, event.clientY - box.top))];
  };
  area.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    start = at(event);
    area.setPointerCapture(event.pointerId);
    live = drawn("rect", { class: "brush", x: start[0], y: start[1], width: 0, height: 0 });
    area.parentNode.insertBefore(live, area);
    event.preventDefault();
  });
  area.addEventListener("pointermove", (event) => {
    if (!start) return;
    const now = at(event);
    live.setAttribute("x", Math.min(start[0], now[0]));
    live.setAttribute("y", Math.min(start[1], now[1]));
    live.setAttribute("width", Math.abs(start[0] - now[0]));
    live.setAttribute("height", Math.abs(start[1] - now[1]));
  });
  area.addEventListener("pointerup", (event) => {
    if (!start) return;
    const from = start;
    const now = at(event);
    start = null;
    live.remove();
    if (Math.hypot(now[0] - from[0], now[1] - from[1]) < 4) {
      const near = nearest(now, place);
      if (near !== null) select(near);
      return;
    }
    state.ranges.set(x, rangeOf(across, from[0], now[0], left, width - right));
    if (y !== x) state.ranges.set(y, rangeOf(up, from[1], now[1], top, height - bottom));
    filtered();
  });
  area.addEventListener("pointercancel", () => {
    start = null;
    if (live) live.remove();
  });
  return area;
}

function nearest([px, py], place) {
  let best = null;
  let least = SCATTER.reach;
  for (const row of keptRows) {
    const found = place(row);
    if (!found) continue;
    const distance = Math.hypot(found[0] - px, found[1] - py);
    if (distance < least) [best, least] = [row, distance];
  }
  return best;
}

// The front of the run, or of a sweep that was started here, while it grows.
const FRONT = { left: 66, right: 16, top: 12, bottom: 46, height: 360, reach: 16, listed: 50 };
let front = DATA.front;
let polling = false;

function drawSweepChoice() {
  const menu = (text, key) => element("label", {}, `${text} `, element("select", { id: `front-${key}`, onchange: (event) => {
    state[key] = event.target.value;
    writeAddress();
    drawFront();
  } }, ...PLOTTED.map((name) => element("option", { value: name, selected: state[key] === name }, label(name)))));
  byId("sweep-hint").textContent = `${DATA.run ? `The front of ${DATA.run}. ` : ""}A sweep tries the axes of ${DATA.name} with the workload and technology set above${DATA.constraints.length ? `, within ${DATA.constraints.join(", ")}` : ""}. Click a point to take that design in hand.`;
  byId("sweep-choice").replaceChildren(
    element("label", {}, "points on each range ", element("input", { type: "number", id: "points", min: 2, max: 200, step: 1, value: DATA.points })),
    element("button", { type: "button", id: "begin", onclick: begin }, "Start a sweep"),
    element("button", { type: "button", id: "stop", disabled: true, onclick: () => ask("/api/stop", {}) }, "Stop"),
    menu("across", "x"), menu("up", "y"));
}

async function begin() {
  const found = await ask("/api/sweep", { fields: changedFields(), design: state.design, points: Number(byId("points").value) });
  if (found === null) return;
  complain("");
  front = found;
  drawFront();
  poll();
}

async function poll() {
  if (polling) return;
  polling = true;
  while (front && !front.ended) {
    await new Promise((done) => setTimeout(done, 120));
    const found = await ask("/api/sweep");
    if (found === null || found.number === 0) break;
    front = found;
    drawFront();
  }
  polling = false;
}

function drawFront() {
  byId("stop").disabled = !front || front.ended;
  if (!front) return;
  const told = byId("sweep-state");
  const bar = element("progress", { max: front.size, value: front.done, "aria-label": "designs evaluated" });
  const what = front.error || `${front.done.toLocaleString("en-US")} of ${front.size.toLocaleString("en-US")} designs${front.stopped && front.ended ? ", stopped" : ""}; ${front.front.toLocaleString("en-US")} on the front`;
  told.replaceChildren(...(front.ended ? [] : [bar, " "]), what);
  told.dataset.front = String(front.front);
  told.dataset.done = String(front.done);
  told.dataset.ended = String(front.ended);
  const rows = front.rows;
  const count = rows[state.x] ? rows[state.x].length : 0;
  if (!count) {
    byId("front").replaceChildren();
    byId("front-table").replaceChildren();
    byId("front-legend").replaceChildren();
    return;
  }
  frontPicture(rows, count);
  frontTable(rows, count);
}

function frontPicture(rows, count) {
  const { left, right, top, bottom, height } = FRONT;
  const width = Math.max(280, byId("front").clientWidth || byId("sweep").clientWidth - 34);
  const own = DATA.rows[state.x] && DATA.rows[state.x][0] !== null && DATA.rows[state.y][0] !== null;
  const across = axisOf([...rows[state.x], ...(own ? [DATA.rows[state.x][0]] : [])], COLUMN.get(state.x).size, left + 10, width - right - 10);
  const up = axisOf([...rows[state.y], ...(own ? [DATA.rows[state.y][0]] : [])], COLUMN.get(state.y).size, height - bottom - 10, top + 10);
  const [node, pen] = canvas(width, height);
  pen.fillStyle = themed("--front");
  pen.globalAlpha = 0.8;
  const places = rows[state.x].map((number, row) => [across.at(number), up.at(rows[state.y][row])]);
  for (const [x, y] of places) {
    pen.beginPath();
    pen.arc(x, y, 3.2, 0, 2 * Math.PI);
    pen.fill();
  }
  const picture = drawn("svg", { width, height, role: "img", "aria-label": `Front: ${label(state.y)} over ${label(state.x)}, ${count} designs; the table below has their numbers` }, plainAxes(across, up, width, FRONT, label(state.x), label(state.y)));
  if (own) picture.append(drawn("circle", { class: "chosen", cx: across.at(DATA.rows[state.x][0]), cy: up.at(DATA.rows[state.y][0]), r: 7 }));
  picture.addEventListener("click", (event) => {
    const box = picture.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    let [best, least] = [null, FRONT.reach];
    places.forEach(([x, y], row) => {
      const far = Math.hypot(x - px, y - py);
      if (far < least) [best, least] = [row, far];
    });
    if (best !== null) takeRow(best);
  });
  const stack = element("div", { class: "stack" }, node, picture);
  stack.style.height = `${height}px`;
  byId("front").replaceChildren(stack);
  const shape = (name, round) => {
    const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = round ? "transparent" : `var(${name})`;
    if (round) Object.assign(swatch.style, { border: `3px solid var(${name})`, borderRadius: "50%" });
    return swatch;
  };
  const fewer = count < front.front ? `, ${count} of them shown` : "";
  byId("front-legend").replaceChildren(element("li", {}, shape("--front", false), `front${fewer}`),
    ...(own ? [element("li", {}, shape("--accent", true), "the design in hand")] : []));
}

// A scale over numbers, logarithmic where they reach far, with ticks in the unit they are shown in.
function axisOf(numbers, size, from, to) {
  const known = numbers.filter((number) => number !== null);
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const log = least > 0 && most > DATA.wide * least;
  const bend = log ? Math.log : (number) => number;
  const [low, span] = [bend(least), bend(most) - bend(least) || 1];
  const at = (number) => from + ((bend(number) - low) / span) * (to - from);
  return { at, ticks: told(ticks(least / size, most / size, log), size) };
}

function frontTable(rows, count) {
  const first = OBJECTIVES[0];
  const sign = DATA.objectives[first] === "max" ? -1 : 1;
  const order = [...Array(count).keys()].sort((one, other) => sign * (rows[first][one] - rows[first][other]));
  const step = Math.max(1, Math.ceil(count / FRONT.listed));
  const listed = order.filter((_, i) => i % step === 0);
  const axes = Object.keys(rows).filter((name) => name.includes("."));
  const names = [...axes, ...PLOTTED.filter((name) => rows[name])];
  const named = (name) => (COLUMN.has(name) ? label(name) : name);
  const text = (name, row) => (COLUMN.has(name) ? shown(name, rows[name][row]) : String(rows[name][row]));
  const keep = byId("front-table").scrollTop;
  const active = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.take : undefined;
  byId("front-table").replaceChildren(element("table", {},
    element("caption", { class: "quiet" }, step > 1 ? `One in ${step} designs of the front, by ${label(first)}` : `Designs of the front, by ${label(first)}`),
    element("thead", {}, element("tr", {}, element("th", { scope: "col", class: "text" }, "point"), ...names.map((name) => element("th", { scope: "col" }, named(name))))),
    element("tbody", {}, ...listed.map((row) => element("tr", {},
      element("th", { scope: "row" }, element("button", { type: "button", class: "choose", "data-take": rows.point[row], "aria-label": `Take design ${rows.point[row]} in hand`, onclick: () => takeRow(row) }, String(rows.point[row]))),
      ...names.map((name) => element("td", {}, text(name, row))))))));
  byId("front-table").scrollTop = keep;
  if (active) byId("front-table").querySelector(`[data-take="${active}"]`)?.focus({ preventScroll: true });
}

function takeRow(row) {
  const design = Object.fromEntries(DATA.sliders.map((slider) => [slider.key, front.rows[slider.column][row]]));
  const fields = {};
  for (const name of Object.keys(front.rows).filter((one) => one.includes("."))) {
    const value = front.rows[name][row];
    for (const path of Object.keys(DATA.fields)) {
      if (path === name || (name.startsWith("workloads.*.") && path.startsWith("workloads.") && path.split(".").slice(2).join(".") === name.slice(12))) {
        fields[path] = String(value);
      }
    }
  }
  takeInHand(design, fields);
}

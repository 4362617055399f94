// The roofline of a design: operators under its ceilings, both axes logarithmic.
const ROOF = { left: 62, right: 16, top: 16, bottom: 48, height: 380 };

function roofline(design, width) {
  const { left, right, top, bottom, height } = ROOF;
  const points = design.phases.flatMap((phase) =>
    phase.operators
      .filter(([, , flop, time, bytes]) => flop > 0 && time > 0 && bytes > 0)
      .map(([name, , flop, time, bytes, bound]) => ({
        name: DATA.words[name], phase: DATA.words[phase.name], x: flop / bytes, y: flop / time,
        share: time / passSeconds(phase), bound: DATA.words[bound],
      })));
  const dram = design.ceilings.memory.DRAM;
  const peaks = Object.entries(design.ceilings.compute).sort((one, other) => one[1] - other[1]);
  if (!points.length || !dram || !peaks.length) return null;
  const top_ = peaks[peaks.length - 1][1];
  const xs = [...points.map((point) => point.x), top_ / dram];
  const ys = [...points.map((point) => point.y), top_];
  const across = logScale(Math.min(...xs) / 2, Math.max(...xs) * 4, left, width - right);
  const up = logScale(Math.min(...ys) / 2.5, Math.max(...ys) * 2, height - bottom, top);
  const picture = drawn("svg", { width, height, role: "img", "aria-label": "Roofline of this design; the operators stand in the tables below" });
  picture.append(roofAxes(across, up, width, "rate reached [FLOP/s]"));
  const line = (x1, y1, x2, y2, kind) => drawn("line", { class: kind, x1: across.at(x1), y1: up.at(y1), x2: across.at(x2), y2: up.at(y2) });
  const ridge = top_ / dram;
  const start = Math.max(across.least, up.least / dram);
  picture.append(line(start, start * dram, ridge, top_, "roof"));
  const angle = (Math.atan2(up.at(ridge * dram) - up.at(start * dram), across.at(ridge) - across.at(start)) * 180) / Math.PI;
  const places = [0.55, 0.75, 0.35, 0.9, 0.15].map((part) => start * (ridge / start) ** part);
  const covered = (x) => points.some((point) => Math.abs(across.at(point.x) - across.at(x)) < 60 && Math.abs(up.at(point.y) - up.at(x * dram)) < 50);
  const middle = places.find((x) => !covered(x)) || places[0]; // beside no mark
  const [tx, ty] = [across.at(middle) - 4, up.at(middle * dram) - 8];
  picture.append(drawn("text", { x: tx, y: ty, class: "tick", transform: `rotate(${angle} ${tx} ${ty})`, "text-anchor": "middle" }, `DRAM ${rate(dram, "B/s")}`));
  for (const [name, peak] of peaks) {
    picture.append(line(peak / dram, peak, across.most, peak, "roof"),
      drawn("text", { x: width - right, y: up.at(peak) - 19, class: "tick end" }, `${name} ${rate(peak, "FLOP/s")}`));
  }
  const phases = [...new Set(points.map((point) => point.phase))];
  const told = (point) => `${point.phase}: ${point.name}, ${percent(point.share)} of the time, bound by ${BOUND[point.bound] || point.bound}`;
  for (const point of [...points].sort((one, other) => other.share - one.share)) picture.append(operatorMark(point, phases, across, up, told));
  picture.append(...operatorNames(points, across, up, width));
  return [picture, roofLegend(points, phases, "larger: more of the phase's time")];
}

function logScale(least, most, from, to) {
  const [low, span] = [Math.log(least), Math.log(most / least)];
  return { least, most, at: (number) => from + ((Math.log(number) - low) / span) * (to - from) };
}

function roofAxes(across, up, width, beside) {
  const { left, right, top, bottom, height } = ROOF;
  const group = drawn("g", { class: "axis" },
    drawn("line", { x1: left, x2: width - right, y1: height - bottom, y2: height - bottom }),
    drawn("line", { x1: left, x2: left, y1: top, y2: height - bottom }),
    drawn("text", { x: (left + width - right) / 2, y: height - 8, class: "title" }, "operational intensity [FLOP/byte of DRAM]"),
    drawn("text", { x: 13, y: (top + height - bottom) / 2, class: "title", transform: `rotate(-90 13 ${(top + height - bottom) / 2})` }, beside));
  for (const number of ticks(across.least, across.most, true)) {
    const x = across.at(number);
    group.append(drawn("line", { x1: x, x2: x, y1: height - bottom, y2: height - bottom + 4 }),
      drawn("text", { x, y: height - bottom + 17, class: "tick middle" }, tick(number)));
  }
  for (const number of ticks(up.least, up.most, true)) {
    const y = up.at(number);
    group.append(drawn("line", { x1: left - 4, x2: left, y1: y, y2: y }),
      drawn("text", { x: left - 7, y: y + 3.5, class: "tick end" }, rate(number, "").trim()));
  }
  return group;
}

// A circle for the first phase, a square for the second; filled in the colour of what binds it, as large as its time.
function operatorMark(point, phases, across, up, saying) {
  const radius = 3 + 12 * Math.sqrt(Math.min(1, point.share));
  const told = drawn("title", {}, saying(point));
  const [x, y] = [across.at(point.x), up.at(point.y)];
  const square = phases.indexOf(point.phase) % 2 === 1;
  const mark = square
    ? drawn("rect", { x: x - radius, y: y - radius, width: 2 * radius, height: 2 * radius }, told)
    : drawn("circle", { cx: x, cy: y, r: radius }, told);
  mark.setAttribute("class", "operator");
  mark.style.fill = boundColour(point.bound);
  return mark;
}

// Names of the operators that take longest; those that lie together share one, under the marks.
function operatorNames(points, across, up, width) {
  const groups = [];
  for (const point of points.filter((one) => one.share >= 0.1).sort((one, other) => other.share - one.share)) {
    const [x, y] = [across.at(point.x), up.at(point.y)];
    const near = groups.find((group) => Math.abs(group.x - x) < 60 && Math.abs(group.y - y) < 20);
    if (near) near.names.add(point.name);
    else groups.push({ x, y, names: new Set([point.name]) });
  }
  return groups.map(({ x, y, names }) => {
    const text = [...names].join(", ");
    const beside = Math.min(x - 6, width - ROOF.right - 6.4 * text.length); // to the right, away from the roof
    return drawn("text", { x: Math.max(beside, ROOF.left), y: y + 28, class: "tick" }, text);
  });
}

function boundColour(bound) {
  return `var(--bound-${bound.replaceAll(" ", "-")}, var(--muted))`;
}

function roofLegend(points, phases, more) {
  const kinds = new Map(phases.map((phase, i) => [phase.split(",")[0], i % 2 ? "■" : "●"]));
  const shapes = [...kinds].map(([phase, shape]) => element("li", {}, element("span", { class: "shape", "aria-hidden": "true" }, shape), phase));
  const bounds = [...new Set(points.map((point) => point.bound))].map((bound) => boundItem(bound));
  return element("ul", { class: "legend" }, ...shapes, ...bounds, element("li", {}, more));
}

function boundItem(bound, more = "") {
  const node = element("span", { class: "swatch", "aria-hidden": "true" });
  node.style.background = boundColour(bound);
  return element("li", {}, node, (BOUND[bound] || bound) + more);
}

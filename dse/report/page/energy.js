// The energy roofline of a design: work per joule of its operators, under the most that each number format allows.
function energyRoofline(energy, width) {
  if (!energy || !energy.points.length || !energy.curves.length) return null;
  const points = energy.points.map(([name, group, x, y, share, mostly]) => ({ name: DATA.words[name], phase: DATA.words[group], x, y, share, bound: mostly }));
  const { left, right, top, bottom, height } = ROOF;
  const xs = energy.curves.flatMap(([, x]) => [x[0], x[x.length - 1]]);
  const ys = [...points.map((point) => point.y), ...energy.curves.flatMap(([, , y]) => [y[0], y[y.length - 1]])];
  const across = logScale(Math.min(...xs), Math.max(...xs), left, width - right);
  const up = logScale(Math.min(...ys) / 2, Math.max(...ys) * 2, height - bottom, top);
  const picture = drawn("svg", { width, height, role: "img", "aria-label": "Energy roofline of this design: work per joule of its operators over their intensity" });
  picture.append(roofAxes(across, up, width, "work per energy [FLOP/J]"));
  for (const [name, place] of energy.balances) {
    const x = across.at(place);
    picture.append(drawn("line", { class: "balance", x1: x, x2: x, y1: top, y2: height - bottom }),
      drawn("text", { x: x - 4, y: height - bottom - 6, class: "tick", transform: `rotate(-90 ${x - 4} ${height - bottom - 6})` }, `${name} ${tick(place)}`));
  }
  for (const [name, x, y] of energy.curves) {
    picture.append(drawn("polyline", { class: "roof", points: x.map((number, i) => `${across.at(number).toFixed(1)},${up.at(y[i]).toFixed(1)}`).join(" ") }),
      drawn("text", { x: width - right, y: up.at(y[y.length - 1]) - 8, class: "tick end" }, `${name} ${rate(y[y.length - 1], "FLOP/J")}`));
  }
  const phases = [...new Set(points.map((point) => point.phase))];
  const told = (point) => `${point.phase}: ${point.name}, ${percent(point.share)} of the energy, mostly ${BOUND[point.bound] || point.bound}`;
  for (const point of [...points].sort((one, other) => other.share - one.share)) picture.append(operatorMark(point, phases, across, up, told));
  picture.append(...operatorNames(points, across, up, width));
  return [picture, roofLegend(points, phases, "larger: more of the phase's energy; colour: what most of it is spent on")];
}

// Which ceiling binds around a design, over two axes: one map for each phase; what breaks a limit is paler.
const MAP = { left: 62, right: 24, top: 24, bottom: 44, height: 300, paler: 0.35 };
const mapped = { row: null, x: null, y: null };

function drawMapChoices() {
  const { axes, rows } = DATA.maps;
  const [first, second] = ["dram_bytes_per_s", "compute_flop_per_s"].map((name, i) => (axes.includes(name) ? name : axes[i]));
  Object.assign(mapped, { row: String(DATA.picks[0].row), x: first, y: second === first ? axes.find((name) => name !== first) : second });
  const menu = (text, key, options) => element("label", {}, `${text} `, element("select", { id: `map-${key}`, onchange: ({ target }) => {
    mapped[key] = target.value;
    if (mapped.x === mapped.y) mapped[key === "x" ? "y" : "x"] = axes.find((name) => name !== target.value);
    for (const axis of ["x", "y"]) byId(`map-${axis}`).value = mapped[axis];
    drawMaps();
  } }, ...options.map(([value, told]) => element("option", { value, selected: mapped[key] === value }, told))));
  const best = [...new Set(DATA.picks.map((pick) => String(pick.row)))].filter((row) => rows[row]);
  const around = best.map((row) => [row, `${DATA.picks.filter((pick) => String(pick.row) === row).map((pick) => pick.name).join(", ")}: design ${value(POINT, row)}`]);
  const named = axes.map((name) => [name, label(name)]);
  byId("map-choice").replaceChildren(menu("around the", "row", around), menu("across", "x", named), menu("up", "y", named));
}

function drawMaps() {
  const room = byId("maps").clientWidth;
  const width = room > 700 ? Math.floor((room - 16) / 2) : Math.max(280, room);
  const counts = new Map();
  byId("maps").replaceChildren(...["prefill", "decode"].map((phase) => bindingMap(phase, width, counts)));
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const parts = [...counts].sort((one, other) => other[1] - one[1]).map(([part, count]) => (part === null
    ? element("li", {}, `${boundName(part)} ${percent(count / total)}`) : boundItem(part, ` ${percent(count / total)}`)));
  byId("map-legend").replaceChildren(...parts, element("li", {}, "paler: breaks a limit"), element("li", {}, element("span", { class: "shape", "aria-hidden": "true" }, "★"), "the design"));
}

// Letters of a map by row up and column across, whichever way round the page holds the two axes.
function lettersOf(what) {
  const { pairs, levels } = DATA.maps.rows[mapped.row];
  const [nx, ny] = [levels[mapped.x].length, levels[mapped.y].length];
  const straight = pairs[`${mapped.x},${mapped.y}`];
  const letters = (straight || pairs[`${mapped.y},${mapped.x}`])[what];
  return (i, j) => (straight ? letters[j * nx + i] : letters[i * ny + j]);
}

function mapScale(name, numbers, from, to) {
  const log = numbers[0] > 0;
  const bend = log ? Math.log : (number) => number;
  const [low, span] = [bend(numbers[0]), bend(numbers[numbers.length - 1]) - bend(numbers[0])];
  const { size } = COLUMN.get(name);
  return {
    at: (number) => from + ((bend(number) - low) / span) * (to - from),
    ticks: told(ticks(numbers[0] / size, numbers[numbers.length - 1] / size, log), size),
  };
}

function bindingMap(phase, width, counts) {
  const { left, right, top, bottom, height, paler } = MAP;
  const { levels } = DATA.maps.rows[mapped.row];
  const [xs, ys] = [levels[mapped.x], levels[mapped.y]];
  const across = mapScale(mapped.x, xs, left, width - right);
  const up = mapScale(mapped.y, ys, height - bottom, top);
  const [binds, kept] = [lettersOf(phase), lettersOf("feasible")];
  const [node, pen] = canvas(width, height);
  const edge = (k, count, from, to) => Math.round(from + (k * (to - from)) / count);
  const places = new Map(); // part -> where its cells are
  for (let j = 0; j < ys.length; j++) {
    for (let i = 0; i < xs.length; i++) {
      const letter = binds(i, j);
      const part = letter === "-" ? null : DATA.maps.parts[parseInt(letter, 36)];
      counts.set(part, (counts.get(part) || 0) + 1);
      const [x, x2] = [i, i + 1].map((k) => edge(k, xs.length, left, width - right));
      const [y2, y] = [j, j + 1].map((k) => edge(k, ys.length, height - bottom, top));
      places.set(part, [...(places.get(part) || []), [(x + x2) / 2, (y + y2) / 2]]);
      if (part === null) continue;
      pen.globalAlpha = kept(i, j) === "1" ? 1 : paler;
      pen.fillStyle = themed(`--bound-${part.replaceAll(" ", "-")}`) || themed("--muted");
      pen.fillRect(x, y, x2 - x, y2 - y);
    }
  }
  const told = [...places].sort((one, other) => other[1].length - one[1].length).map(([part, cells]) => `${boundName(part)} ${percent(cells.length / (xs.length * ys.length))}`);
  const picture = drawn("svg", { width, height, role: "img", "aria-label": `What binds in ${phase}, ${label(mapped.y)} over ${label(mapped.x)}: ${told.join(", ")}` },
    drawn("text", { x: (left + width - right) / 2, y: 15, class: "title" }, phase), plainAxes(across, up, width, MAP, label(mapped.x), label(mapped.y)));
  const star = [across.at(value(mapped.x, mapped.row)), up.at(value(mapped.y, mapped.row))];
  for (const [part, cells] of places) {
    if (cells.length >= 0.04 * xs.length * ys.length) picture.append(namedRegion(part, cells, star, width));
  }
  picture.append(drawn("text", { class: "mark", x: star[0], y: star[1] + 5 }, "★"));
  const stack = element("div", { class: "stack", "data-map": phase }, node, picture);
  Object.assign(stack.style, { height: `${height}px`, width: `${width}px` });
  return stack;
}

// A name stands on the cell of its part that is nearest to the middle of them, and not on the star.
function namedRegion(part, cells, star, width) {
  const half = 3.4 * boundName(part).length;
  const free = cells.filter(([x, y]) => Math.abs(x - star[0]) > half + 8 || Math.abs(y - star[1]) > 16);
  const [mx, my] = [0, 1].map((k) => cells.reduce((sum, cell) => sum + cell[k], 0) / cells.length);
  const [x, y] = (free.length ? free : cells).reduce((best, cell) => (Math.hypot(cell[0] - mx, cell[1] - my) < Math.hypot(best[0] - mx, best[1] - my) ? cell : best));
  return drawn("text", { x: Math.min(Math.max(x, MAP.left + half), width - half), y: y + 4, class: "region" }, boundName(part));
}

function boundName(part) {
  return part === null ? "cannot be built" : BOUND[part] || part;
}

// Ellipses that hold most samples of the uncertain constants: of the design that is chosen, and of the best ones.
const CORNERS = 72;

// Corners of the ellipse of a design in two objectives; with L the root of the covariance, mean + radius L (cos, sin).
function ellipseOf(row, x, y) {
  const spread = DATA.spreads && DATA.spreads.rows[row];
  if (!spread || x === y) return null;
  const [i, j] = [x, y].map((name) => DATA.spreads.objectives.indexOf(name));
  if (i < 0 || j < 0) return null;
  const { mean, covariance, logs } = spread;
  const root = Math.sqrt(covariance[i][i]);
  const shear = root > 0 ? covariance[i][j] / root : 0;
  const rest = Math.sqrt(Math.max(0, covariance[j][j] - shear * shear));
  return [...Array(CORNERS).keys()].map((k) => {
    const [cos, sin] = [Math.cos((2 * Math.PI * k) / CORNERS), Math.sin((2 * Math.PI * k) / CORNERS)];
    const place = [mean[i] + DATA.spreads.radius * root * cos, mean[j] + DATA.spreads.radius * (shear * cos + rest * sin)];
    return [logs[i] ? Math.exp(place[0]) : place[0], logs[j] ? Math.exp(place[1]) : place[1]];
  });
}

function ellipses(x, y) {
  if (!state.spreads) return [];
  const rows = [...new Set([...DATA.picks.map((pick) => pick.row), state.selected])];
  return rows.map((row) => [row, ellipseOf(row, x, y)]).filter(([, corners]) => corners);
}

function drawEllipses(found, across, up) {
  return found.map(([row, corners]) => drawn("polygon", {
    class: row === state.selected ? "ellipse chosen-ellipse" : "ellipse", "data-ellipse": row,
    points: corners.map(([a, b]) => `${across.at(a).toFixed(1)},${up.at(b).toFixed(1)}`).join(" "),
  }));
}

function ellipseLegend(found) {
  if (!found.length) return [];
  const { level, samples } = DATA.spreads;
  return [element("li", {}, element("span", { class: "shape", "aria-hidden": "true" }, "◌"),
    `${percent(level)} of ${samples.toLocaleString("en-US")} samples of the constants, for the best designs and the one that is chosen`)];
}

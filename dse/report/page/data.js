// The data of the page, and how people are shown a number. Everything is put on the page as text, never as HTML.
const DATA = JSON.parse(document.getElementById("data").textContent);
const COLUMN = new Map(DATA.columns.map((column) => [column.name, column]));
const OBJECTIVES = Object.keys(DATA.objectives);
const POINT = "point";
const SVG = "http://www.w3.org/2000/svg";

const BOUND = {
  compute: "matrix compute", vector: "vector units", sram: "SRAM", dram: "DRAM", flash: "flash", link: "links",
  overhead: "overhead", "power cap": "power cap", "pim compute": "compute in memory", "pim bytes": "bytes in memory",
  launch: "launches and host", static: "static power",
};

function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

function byId(id) {
  return document.getElementById(id);
}

// The value of a design: a number in the stored unit, or a text.
function value(name, row) {
  return DATA.rows[name][row];
}

// The same as a number for an axis: of texts, their place in the order.
function numeric(name, row) {
  const found = value(name, row);
  return COLUMN.get(name).text ? COLUMN.get(name).levels.indexOf(String(found)) : found;
}

// Four significant digits, as the tables of the command line have them.
function format(number) {
  if (number === null || !Number.isFinite(number)) return "-";
  if (number === 0) return "0";
  const size = Math.abs(number);
  if (size < 1e-3 || size >= 1e6) return number.toExponential(3);
  const digits = Math.max(0, 3 - Math.floor(Math.log10(size)));
  return number.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

// A short number for a tick, with as many digits as it needs to differ from its neighbours, `step` away.
function tick(number, step = Infinity) {
  if (number === 0) return "0";
  const size = Math.abs(number);
  const apart = Math.min(15, Math.max(0, Math.floor(Math.log10(size)) - Math.floor(Math.log10(step)))) + 1;
  if (size < 1e-3 || size >= 1e6) return number.toExponential(apart - 1).replace("e+", "e");
  return String(Number(number.toPrecision(Math.max(3, apart))));
}

// Where ticks stand and what they say; numbers close to each other get the digits that tell them apart.
function told(numbers, size) {
  const step = Math.min(...numbers.slice(1).map((number, i) => number - numbers[i]));
  return numbers.map((number) => [number * size, tick(number, step)]);
}

// A chance is a share of samples: two digits, and certainty only where every sample agreed.
function chance(share) {
  if ((share > 0 && share < 0.005) || (share > 0.995 && share < 1)) return share < 0.5 ? "< 0.01" : "> 0.99";
  return share.toFixed(2);
}

function shown(name, stored) {
  const column = COLUMN.get(name);
  if (name.startsWith("probability_") && stored !== null) return chance(stored);
  if (column.text) return stored === null || stored === "" ? "-" : String(stored);
  if (name === POINT || (column.kind === "scenario" && Number.isInteger(stored))) return String(stored);
  if (stored !== null && column.unit === "" && Number.isInteger(stored)) return stored.toLocaleString("en-US");
  return stored === null ? "-" : format(stored / column.size);
}

function label(name) {
  const column = COLUMN.get(name);
  return column.unit ? `${column.label} [${column.unit}]` : column.label;
}

function percent(share) {
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
}

// Time of the operators of one pass; launches and a power cap come on top.
function passSeconds(phase) {
  return phase.operators.reduce((sum, [, , , time]) => sum + time, 0);
}

function seconds(number) {
  for (const [size, unit] of [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]]) if (number >= size) return `${format(number / size)} ${unit}`;
  return `${format(number / 1e-9)} ns`;
}

function rate(number, unit) {
  for (const [size, prefix] of [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (number >= size) return `${Number((number / size).toPrecision(3))} ${prefix}${unit}`;
  }
  return `${Number(number.toPrecision(3))} ${unit}`;
}

// What is kept, looked at and sorted by; whoever draws something listens.
const state = {
  ranges: new Map(), // column -> [least, most] in stored units
  selected: DATA.count ? DATA.picks[0].row : null,
  sort: { name: OBJECTIVES[0], descending: DATA.objectives[OBJECTIVES[0]] === "max" },
  page: 0,
  x: OBJECTIVES[0],
  y: OBJECTIVES[1] || DATA.axes.find((name) => name !== OBJECTIVES[0]) || OBJECTIVES[0],
  colour: null,
  spreads: Boolean(DATA.spreads), // ellipses in the place of the designs behind the front
};
const listeners = [];
let keptRows = [];

function listen(draw) {
  listeners.push(draw);
}

function notify(what) {
  for (const draw of listeners) draw(what);
}

function keeps(row) {
  for (const [name, [least, most]] of state.ranges) {
    const number = numeric(name, row);
    if (number === null || number < least || number > most) return false;
  }
  return true;
}

function filter() {
  keptRows = [];
  for (let row = 0; row < DATA.count; row++) if (keeps(row)) keptRows.push(row);
}

function keepRange(name, range) {
  if (range === null) state.ranges.delete(name);
  else state.ranges.set(name, range[0] <= range[1] ? range : [range[1], range[0]]);
  filtered();
}

function keepAll() {
  state.ranges.clear();
  filtered();
}

function filtered() {
  filter();
  state.page = 0;
  notify("filter");
}

function select(row) {
  state.selected = row;
  turnTo(row);
  notify("select");
}

function sorted() {
  const { name, descending } = state.sort;
  const sign = descending ? -1 : 1;
  return [...keptRows].sort((one, other) => {
    const a = numeric(name, one);
    const b = numeric(name, other);
    if (a === b) return one - other;
    if (a === null || b === null) return a === null ? 1 : -1;
    return sign * (a < b ? -1 : 1);
  });
}

// Designs and published devices beside the one in hand, all on the same workload.
const LETTERS = "ABCD";

function drawCompareChoice() {
  const menu = element("select", { id: "device" }, ...DATA.devices.map(([name, title]) => element("option", { value: name }, title)));
  byId("compare-choice").replaceChildren(
    element("button", { type: "button", id: "keep", onclick: keep }, "Keep this design"),
    element("label", {}, "published device ", menu),
    element("button", { type: "button", id: "add-device", onclick: () => addDevice(menu.value) }, "Add"));
}

function keep() {
  if (state.others.length >= MOST) return;
  state.others.push({ fields: technologyOf(state.fields), design: { ...state.design } });
  changed();
}

function addDevice(name) {
  if (state.devices.length >= MOST || state.devices.includes(name)) return;
  state.devices.push(name);
  changed();
}

function drawCompared(view) {
  byId("keep").disabled = state.others.length >= MOST;
  byId("add-device").disabled = state.devices.length >= MOST;
  const small = (text, told, onclick) => element("button", { type: "button", "aria-label": told, onclick }, text);
  const columns = [{ title: "in hand", found: view.columns, fields: technologyOf(state.fields), note: view.columns.reason }];
  view.others.forEach((found, i) => columns.push({
    title: LETTERS[i], found, fields: { ...technologyOf(DATA.fields), ...state.others[i].fields }, note: found.reason,
    buttons: [
      small("take", `Take design ${LETTERS[i]} in hand`, () => takeInHand(state.others[i].design, state.others[i].fields)),
      small("drop", `Drop design ${LETTERS[i]}`, () => drop(state.others, i)),
    ],
  }));
  view.devices.forEach((device, i) => columns.push({
    title: device.title, found: device.columns, fields: {}, note: device.note,
    buttons: [small("drop", `Drop ${device.title}`, () => drop(state.devices, i))],
  }));
  const head = element("tr", {}, element("td"), ...columns.map(({ title, buttons }) => element("th", { scope: "col" }, title, ...(buttons ? [element("span", { class: "bar" }, ...buttons)] : []))));
  const numbers = DATA.compared.map((name) => element("tr", {}, element("th", { scope: "row" }, label(name)),
    ...columns.map(({ found }) => element("td", { "data-compared": name, "data-value": String(found[name] ?? null) }, found[name] === undefined ? "-" : shown(name, found[name])))));
  const words = columns.length > 1 ? Object.keys(technologyOf(state.fields)).map((path) => element("tr", {}, element("th", { scope: "row" }, called(path)),
    ...columns.map(({ fields }) => element("td", {}, String(fields[path] || "-"))))) : [];
  const notes = element("tr", {}, element("th", { scope: "row" }, "limits"), ...columns.map(({ note }, i) => element("td", { class: "note" }, note || (i <= state.others.length ? "kept" : ""))));
  byId("compared").replaceChildren(element("table", {}, element("thead", {}, head), element("tbody", {}, ...numbers, ...words, notes)));
}

function drop(list, i) {
  list.splice(i, 1);
  changed();
  byId("keep").focus({ preventScroll: true });
}

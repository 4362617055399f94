// What is looked at: fields of the study, the design [SI], what is beside it. All of it stands in the address.
const CONTROL = new Map(DATA.controls.map((control) => [control.path, control]));
const state = { fields: { ...DATA.fields }, design: {}, phase: "both", others: [], devices: [], x: OBJECTIVES[0], y: OBJECTIVES[1] || "dram_bytes_per_s" };
for (const slider of DATA.sliders) state.design[slider.key] = slider.start;

const PHASES = { both: "both", prefill: "prefill", decode: "decode" };
const MOST = 4;
const PLOTTED = [...new Set([...OBJECTIVES, ...DATA.sliders.map((slider) => slider.column)])];

function choicesOf(path) {
  return DATA.choices[CONTROL.get(path).words];
}

// The fields that are not as the study has them: what is asked for, and what stands in the address.
function changedFields() {
  return Object.fromEntries(Object.entries(state.fields).filter(([path, value]) => String(value) !== String(DATA.fields[path])));
}

function technologyOf(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([path]) => path.startsWith("technology.")));
}

// Numbers are written with every digit, so that the same address gives the same numbers.
function addressed({ fields, design }) {
  const found = new URLSearchParams();
  for (const [key, number] of Object.entries(design)) found.append(key, String(number));
  for (const [path, value] of Object.entries(fields)) found.append(path, String(value));
  return found;
}

// Not at every step of a slider: browsers ignore those who write too often.
const ADDRESS_MS = 120;
let writing = 0;

function writeAddress() {
  clearTimeout(writing);
  writing = setTimeout(writeAddressNow, ADDRESS_MS);
}

function writeAddressNow() {
  clearTimeout(writing);
  const found = addressed({ fields: changedFields(), design: state.design });
  found.append("study", DATA.study);
  if (state.phase !== "both") found.append("phase", state.phase);
  if (state.x !== OBJECTIVES[0]) found.append("x", state.x);
  if (state.y !== OBJECTIVES[1]) found.append("y", state.y);
  for (const other of state.others) found.append("other", addressed(other).toString());
  for (const device of state.devices) found.append("device", device);
  history.replaceState(null, "", `#${found}`);
  byId("link").value = location.href;
}

// What an address says; anything that this page does not know is left out and told.
function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const strange = take(given, state, DATA.fields);
  if (PHASES[given.get("phase")]) state.phase = given.get("phase");
  for (const key of ["x", "y"]) if (PLOTTED.includes(given.get(key))) state[key] = given.get(key);
  for (const text of given.getAll("other").slice(0, MOST)) {
    const other = { fields: {}, design: { ...state.design } };
    take(new URLSearchParams(text), other, technologyOf(DATA.fields));
    state.others.push(other);
  }
  const known = new Set(DATA.devices.map(([name]) => name));
  state.devices = [...new Set(given.getAll("device"))].filter((name) => known.has(name)).slice(0, MOST);
  const another = given.has("study") && given.get("study") !== DATA.study;
  return another ? `This address was made with another study than ${DATA.name}; what is not written in it may differ.` : strange;
}

function take(given, into, known) {
  const unknown = [];
  for (const [key, text] of given) {
    if (key in state.design) {
      const number = Number(text);
      if (text && Number.isFinite(number) && number >= 0) into.design[key] = number;
      else unknown.push(key);
    } else if (key in known) {
      const offered = choicesOf(key);
      if (offered && !offered.includes(text)) unknown.push(key);
      else into.fields[key] = text;
    } else if (!["study", "phase", "other", "device", "x", "y"].includes(key)) unknown.push(key);
  }
  return unknown.length ? `This address has values that the page does not know: ${unknown.join(", ").slice(0, 200)}.` : "";
}

function asking() {
  return { fields: changedFields(), design: state.design, others: state.others, devices: state.devices };
}

// Ask this server; null where it said no, after the page has said why.
async function ask(path, data) {
  for (let tries = 0; tries < 5; tries++) {
    const answer = await fetch(path, data === undefined ? {} : {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(data),
    }).catch(() => null);
    if (answer === null) {
      complain("The server does not answer; is `dse serve` still running?");
      return null;
    }
    if (answer.status === 429 || answer.status === 503) {
      await new Promise((done) => setTimeout(done, 250));
      continue;
    }
    const found = await answer.json().catch(() => ({ error: `the server said ${answer.status}` }));
    if (answer.ok && !found.problems) return found;
    if (found.problems) refuse(found.problems, path === "/api/view");
    else complain(found.error);
    return null;
  }
  complain("The server is too busy; try again in a moment.");
  return null;
}

function complain(text) {
  const node = byId("problem");
  node.hidden = !text;
  if (node.textContent !== text) node.textContent = text;
}

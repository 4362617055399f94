// The controls: five sliders, logarithmic, each with a box for its number; and every field of the study that can be set.
const STEPS = 1000;
const LABELS = {
  prompt_tokens: "prompt [token]", output_tokens: "output [token]", kv_cache: "KV cache", dram_kind: "DRAM", flash_kind: "flash",
  pim: "compute in memory", sram_style: "SRAM style", prices: "prices of", sparsity: "zeros skipped", runtime: "serving stack",
  ttft: "TTFT at most", tpot: "TPOT at most", kv_budget: "KV budget", kv_sharing: "KV sharing", disaggregate: "prompts on chips of their own",
  link: "link between them", dram_bandwidth: "DRAM bandwidth", sram: "SRAM", dram: "DRAM size", flash: "flash size",
};
const LABELS_BELOW = { "pruning.sparsity": "sparsity", "technology.dram_kind": "DRAM", techniques: "algorithm" };
const CLOSED = /^(Serving|Techniques|Prefill)/;
const HERE = "set below";
const inputs = new Map(); // path or key -> what shows its value
let touched = ""; // the control that was changed last

function called(path) {
  const parts = path.split(".");
  return LABELS_BELOW[parts.slice(-2).join(".")] || LABELS_BELOW[parts.at(-1)] || LABELS[parts.at(-1)] || parts.at(-1).replaceAll("_", " ");
}

function drawControls() {
  const groups = new Map();
  for (const control of DATA.controls) groups.set(control.group, [...(groups.get(control.group) || []), control]);
  const roomy = window.matchMedia("(min-width: 901px)").matches; // on a small screen the results begin soon
  const set = changedFields();
  const inUse = (controls) => controls.some(({ path, kind }) => path in set || (kind === "switch" && state.fields[path] === "on"));
  byId("controls").replaceChildren(
    element("fieldset", {}, element("legend", {}, "Design"), ...DATA.sliders.map(sliderControl)),
    ...[...groups].map(([title, controls]) => element("details", { open: roomy && (!CLOSED.test(title) || inUse(controls)), "data-group": title },
      element("summary", {}, title, element("span", { class: "count" })),
      element("fieldset", { "aria-label": title }, ...controls.filter(({ of }) => !of).map((control) => fieldControl(control, controls))))));
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("phases").append(...Object.entries(PHASES).map(([phase, text]) => element("label", {},
    element("input", { type: "radio", name: "phase", value: phase, checked: state.phase === phase, onchange: () => {
      state.phase = phase;
      writeAddress();
      drawTime();
    } }), ` ${text}`)));
  showControls();
}

function sliderControl(slider) {
  const { key, unit } = slider;
  const name = `${slider.label} [${unit}]`;
  const range = element("input", { type: "range", id: `slide-${key}`, min: 0, max: STEPS, step: 1, "aria-label": name });
  const box = element("input", { type: "number", id: `set-${key}`, min: 0, step: "any", inputmode: "decimal" });
  const set = (number) => {
    state.design[key] = number;
    inputs.get(key)();
    changed();
  };
  range.addEventListener("input", () => set(slid(slider, Number(range.value))));
  box.addEventListener("change", () => {
    const number = Number(box.value);
    if (box.value !== "" && Number.isFinite(number) && (number > 0 || (slider.zero && number === 0))) set(Number((number * slider.size).toPrecision(15)));
    else inputs.get(key)();
  });
  inputs.set(key, () => {
    const number = state.design[key];
    range.value = String(placeOf(slider, number));
    range.setAttribute("aria-valuetext", `${format(number / slider.size)} ${unit}`);
    box.value = String(Number((number / slider.size).toPrecision(6)));
    box.title = `${number} in SI units`;
  });
  return element("div", { class: "slider" }, element("label", { for: `set-${key}` }, slider.label),
    element("span", { class: "value" }, box, element("span", {}, unit)), range);
}

// The number at a place of a slider, four digits in the unit it is shown in; of one that can be 0, its first place is 0.
function slid(slider, place) {
  if (slider.zero && place === 0) return 0;
  const share = slider.zero ? (place - 1) / (STEPS - 1) : place / STEPS;
  const shownNumber = (slider.low * (slider.high / slider.low) ** share) / slider.size;
  return Number((Number(shownNumber.toPrecision(4)) * slider.size).toPrecision(15));
}

function placeOf(slider, number) {
  if (number <= 0) return 0;
  const share = Math.log(number / slider.low) / Math.log(slider.high / slider.low);
  const place = slider.zero ? 1 + share * (STEPS - 1) : share * STEPS;
  return Math.min(STEPS, Math.max(0, Math.round(place)));
}

function fieldControl(control, group) {
  const { path, kind, about } = control;
  const id = idOf(path);
  const node = kind === "switch" ? element("input", { id, type: "checkbox" })
    : control.words ? element("select", { id }, ...choicesOf(path).map((value) => element("option", { value }, value || "not set")))
      : element("input", { id, type: "text", inputmode: kind === "number" ? "decimal" : null, placeholder: about.split(", such as ")[1] || about || null, spellcheck: "false" });
  node.dataset.path = path;
  if (about) node.title = about;
  node.addEventListener("change", () => {
    state.fields[path] = kind === "switch" ? (node.checked ? "on" : "off") : node.value.trim();
    touched = path;
    showControls();
    changed();
  });
  const label = element("label", { for: id }, called(path));
  const box = kind === "switch" ? element("div", { class: "switch" }, node, label) : element("div", { class: "field" }, label, node);
  box.append(element("p", { class: "wrong", id: `wrong-${id}`, hidden: true }));
  const below = group.filter(({ of }) => of === path).map((one) => fieldControl(one, group));
  if (below.length) box.append(element("div", { class: "below", role: "group", "aria-label": called(path) }, about ? element("p", { class: "hint" }, about) : null, ...below));
  inputs.set(path, () => {
    if (kind === "switch") node.checked = state.fields[path] === "on";
    else node.value = String(state.fields[path]);
    if (below.length) box.lastChild.hidden = !node.checked;
    box.hidden = !control.of && kind === "switch" && elsewhere(path);
    node.disabled = /\.(prompt|output)_tokens$/.test(path) && state.fields[path.replace(/\w+$/, "lengths")] === "those of the study";
  });
  return box;
}

// Techniques that an algorithm with a name stands for are not set one by one.
function elsewhere(path) {
  const whole = path.replace(/\.\w+$/, "");
  return CONTROL.has(whole) && CONTROL.get(whole).words === "algorithm" && state.fields[whole] !== HERE;
}

function idOf(path) {
  return `set-${path.replaceAll(".", "-")}`;
}

// Say what is not possible: all of it on top and, of a view, each thing beside its control.
function refuse(problems, beside) {
  complain(problems.map(({ key, message }) => (key ? `${key}: ${message}` : message)).join("; "));
  clearWrong();
  for (const { key, message } of beside ? problems : []) {
    const path = placeOfProblem(key);
    if (!path) continue;
    const node = byId(`wrong-${idOf(path)}`);
    node.textContent = message;
    node.hidden = false;
    byId(idOf(path)).setAttribute("aria-invalid", "true");
    byId(idOf(path)).setAttribute("aria-describedby", node.id);
    node.closest("details").open = true;
  }
}

// The control that a problem is about: its own, else the one that was changed last if that is part of it, else one of it.
function placeOfProblem(key) {
  if (CONTROL.has(key) && !elsewhere(key)) return key;
  if (!key || touched.startsWith(`${key}.`)) return touched;
  const paths = [...CONTROL.keys()];
  const around = paths.filter((path) => key.startsWith(`${path}.`)).sort((one, other) => other.length - one.length);
  return around[0] || paths.find((path) => path.startsWith(`${key}.`)) || touched;
}

function clearWrong() {
  for (const node of document.querySelectorAll("#controls .wrong:not([hidden])")) {
    node.hidden = true;
    node.textContent = "";
  }
  for (const node of document.querySelectorAll("#controls [aria-invalid]")) {
    node.removeAttribute("aria-invalid");
    node.removeAttribute("aria-describedby");
  }
}

function showControls() {
  for (const show of inputs.values()) show();
  for (const group of document.querySelectorAll("#controls details")) {
    const on = DATA.controls.filter((control) => control.group === group.dataset.group && control.kind === "switch" && !control.of && state.fields[control.path] === "on");
    group.querySelector(".count").textContent = on.length ? ` (${on.length} on)` : "";
  }
  for (const node of document.querySelectorAll('input[name="phase"]')) node.checked = node.value === state.phase;
}

// Take a design and its technology, or whatever a row of a front says of fields, into the hand.
function takeInHand(design, fields) {
  Object.assign(state.design, design);
  Object.assign(state.fields, fields);
  showControls();
  changed();
}

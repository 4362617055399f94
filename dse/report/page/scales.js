// Scales of axes: linear or logarithmic for numbers, evenly spaced for words; and the colours that stand for numbers.
function extent(name, others = []) {
  let least = Infinity;
  let most = -Infinity;
  for (let row = 0; row < DATA.count; row++) {
    const number = numeric(name, row);
    if (number !== null) {
      least = Math.min(least, number);
      most = Math.max(most, number);
    }
  }
  for (const number of others) {
    if (number !== null) {
      least = Math.min(least, number);
      most = Math.max(most, number);
    }
  }
  return [least, most];
}

// from, to: pixels of the least and the most.
function scale(name, from, to, others = [], log = COLUMN.get(name).log) {
  const column = COLUMN.get(name);
  const [least, most] = extent(name, others);
  const logarithmic = log && least > 0;
  const bend = logarithmic ? Math.log : (number) => number;
  const back = logarithmic ? Math.exp : (number) => number;
  const low = bend(least);
  const span = bend(most) - low || 1;
  const one = {
    least, most, log: logarithmic,
    at: (number) => from + ((bend(number) - low) / span) * (to - from),
    back: (pixel) => back(low + ((pixel - from) / (to - from)) * span),
  };
  one.ticks = column.text
    ? column.levels.map((level, i) => [i, level])
    : told(ticks(least / column.size, most / column.size, logarithmic), column.size);
  return one;
}

function ticks(least, most, logarithmic, wanted = 5) {
  if (least === most) return [least];
  if (logarithmic && most / least > 8) {
    const found = [];
    for (let power = Math.floor(Math.log10(least)); power <= Math.log10(most); power++) {
      for (const digit of [1, 2, 5]) found.push(digit * 10 ** power);
    }
    const inside = found.filter((number) => number >= least * 0.999 && number <= most * 1.001);
    const decades = inside.filter((number) => /^1(0*)$/.test(number.toExponential(0).replace(/e.*/, "")));
    return inside.length > 7 && decades.length > 1 ? decades : inside;
  }
  const rough = (most - least) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((size) => size >= rough);
  const found = [];
  for (let k = Math.ceil(least / step); k * step <= most * (1 + 1e-12); k++) found.push(Number((k * step).toPrecision(12)));
  return found;
}

// Stops of a scale from blue to yellow whose lightness only rises, so that it reads in grey and by all colour vision.
const STOPS = {
  light: [[0, 34, 78], [33, 72, 122], [87, 104, 118], [130, 128, 102], [166, 140, 40]],
  dark: [[84, 132, 206], [120, 152, 172], [160, 172, 150], [206, 190, 110], [253, 231, 80]],
};
const darkPage = window.matchMedia("(prefers-color-scheme: dark)");

function colourOf(share, alpha = 1) {
  const stops = STOPS[darkPage.matches ? "dark" : "light"];
  const place = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const i = Math.min(Math.floor(place), stops.length - 2);
  const mixed = stops[i].map((part, k) => Math.round(part + (stops[i + 1][k] - part) * (place - i)));
  return `rgba(${mixed.join(",")},${alpha})`;
}

function themed(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// A canvas as sharp as the screen, in pixels of the page.
function canvas(width, height) {
  const ratio = window.devicePixelRatio || 1;
  const node = element("canvas", { width: Math.round(width * ratio), height: Math.round(height * ratio), "aria-hidden": "true" });
  node.style.width = `${width}px`;
  node.style.height = `${height}px`;
  const pen = node.getContext("2d");
  pen.scale(ratio, ratio);
  return [node, pen];
}

function shareOf(name) {
  if (!name) return () => 0.35;
  const along = scale(name, 0, 1);
  return (row) => {
    const number = numeric(name, row);
    return number === null ? 0 : along.at(number);
  };
}

// The two axes of a picture with their titles, and their ticks where there is room.
function plainAxes(across, up, width, { left, right, top, bottom, height }, below, beside) {
  const middle = (top + height - bottom) / 2;
  const group = drawn("g", { class: "axis" },
    drawn("line", { x1: left, x2: width - right, y1: height - bottom, y2: height - bottom }),
    drawn("line", { x1: left, x2: left, y1: top, y2: height - bottom }),
    drawn("text", { x: (left + width - right) / 2, y: height - 8, class: "title" }, below),
    drawn("text", { x: 14, y: middle, class: "title", transform: `rotate(-90 14 ${middle})` }, beside));
  let last = -Infinity;
  for (const [number, text] of across.ticks) {
    const x = across.at(number);
    if (x < left - 1 || x > width - right + 1 || x - last < 8 * text.length) continue;
    last = x;
    group.append(drawn("line", { x1: x, x2: x, y1: height - bottom, y2: height - bottom + 4 }), drawn("text", { x, y: height - bottom + 17, class: "tick middle" }, text));
  }
  for (const [number, text] of up.ticks) {
    const y = up.at(number);
    if (y < top - 1 || y > height - bottom + 1) continue;
    group.append(drawn("line", { x1: left - 4, x2: left, y1: y, y2: y }), drawn("text", { x: left - 7, y: y + 3.5, class: "tick end" }, text));
  }
  return group;
}

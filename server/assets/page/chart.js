"use strict";
// Small pictures in SVG: bars for probabilities, a line or dots for the last predictions. Holds no state.
const Chart = (() => {
  const SVG = "http://www.w3.org/2000/svg";

  function draw(name, attributes, text) {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  }

  function bar(share) {
    const box = draw("svg", { viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" });
    box.append(draw("rect", { class: "rail", width: 100, height: 6 }));
    box.append(draw("rect", { class: "bar", width: Math.max(0, Math.min(1, share)) * 100, height: 6 }));
    return box;
  }

  // Numbers go on a scale, classes on a line each.
  function rows(values) {
    if (values.every((value) => typeof value === "number")) {
      const low = Math.min(...values), high = Math.max(...values), span = high - low || 1;
      return { names: low === high ? [[format(low), 0.5]] : [[format(high), 1], [format(low), 0]], at: (value) => (low === high ? 0.5 : (value - low) / span) };
    }
    const known = [...new Set(values.map(String))].sort();
    const at = (value) => (known.length === 1 ? 0.5 : known.indexOf(String(value)) / (known.length - 1));
    return { names: known.map((name) => [name.slice(0, 10), at(name)]), at };
  }

  function format(value) {
    return Number(value.toPrecision(4)).toLocaleString("en", { maximumSignificantDigits: 4 });
  }

  // As wide as its place, so that its letters keep their size on a small screen.
  function line(values, label, place) {
    const width = Math.max(240, Math.round(place || 420)), height = 130, left = 62, right = width - 10, top = 14, bottom = 116;
    const scale = rows(values);
    const x = (at) => (values.length === 1 ? (left + right) / 2 : left + ((right - left) * at) / (values.length - 1));
    const y = (value) => bottom - (bottom - top) * scale.at(value);
    const box = draw("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
    for (const [name, share] of scale.names) {
      const height = bottom - (bottom - top) * share;
      box.append(draw("line", { class: "grid", x1: left, x2: right, y1: height, y2: height }));
      box.append(draw("text", { x: left - 8, y: height + 4, "text-anchor": "end" }, name));
    }
    if (values.length > 1) {
      box.append(draw("polyline", { class: "line", points: values.map((value, at) => `${x(at)},${y(value)}`).join(" ") }));
    }
    values.forEach((value, at) => {
      const last = at === values.length - 1;
      box.append(draw("circle", { class: last ? "dot last" : "dot", cx: x(at), cy: y(value), r: last ? 5 : 3.5 }));
    });
    return box;
  }

  return { bar, line };
})();

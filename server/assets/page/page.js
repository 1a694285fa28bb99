"use strict";
(() => {
  const api = document.documentElement.dataset.api;
  const KEPT = 20;
  const byId = (id) => document.getElementById(id);
  const form = byId("form"), problem = byId("problem");
  let card = null, asking = false;

  function make(name, attributes = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value === true) node.setAttribute(key, "");
      else if (value !== undefined && value !== null && value !== false) node.setAttribute(key, value);
    }
    node.append(...children);
    return node;
  }

  function number(value) {
    if (typeof value !== "number") return String(value);
    const digits = Number.isInteger(value) ? 21 : 6;
    return value.toLocaleString("en", { maximumSignificantDigits: digits });
  }

  // ---- the form, from the signature -------------------------------------------------------------------------------

  function significant(value) {
    return Number(value.toPrecision(4));
  }

  function control(feature, id) {
    const own = { id, name: feature.name, "aria-describedby": `${id}-error ${id}-hint` };
    if (feature.type === "bool") return make("input", { ...own, type: "checkbox", checked: feature.default === true });
    if (feature.values.length > 0) {
      const options = feature.values.map((value) => make("option", { value, selected: value === feature.default }, String(value)));
      const first = make("option", { value: "" }, feature.required ? "choose …" : "not given");
      return make("select", own, first, ...options);
    }
    if (feature.type === "string") return make("input", { ...own, type: "text" });
    const whole = feature.type === "int";
    const typical = feature.default ?? feature.mean;
    const placeholder = typical === undefined ? undefined : String(whole ? Math.round(typical) : significant(typical));
    return make("input", {
      ...own, type: "number", inputmode: whole ? "numeric" : "decimal", step: whole ? 1 : "any",
      min: feature.min, max: feature.max, placeholder, required: feature.required,
    });
  }

  function hint(feature) {
    const range = feature.min !== undefined && feature.max !== undefined ? `${feature.min} to ${feature.max}`
      : feature.min !== undefined ? `from ${feature.min}` : feature.max !== undefined ? `up to ${feature.max}` : "";
    return [feature.description, feature.unit, range].filter(Boolean).join(" · ");
  }

  function field(feature, at) {
    const id = `field-${at}`;
    const label = make("label", { for: id }, feature.name);
    if (!feature.required && feature.type !== "bool") label.append(make("span", { class: "optional" }, " (optional)"));
    return make("div", { class: "field" }, label, control(feature, id),
      make("span", { class: "error", id: `${id}-error` }), make("span", { class: "hint", id: `${id}-hint` }, hint(feature)));
  }

  function show(signature) {
    card = signature;
    for (const feature of card.features) {
      feature.required = feature.required !== false && feature.default === undefined;
      feature.values ??= [];
    }
    const target = card.target || "the target";
    document.title = `Predict ${target}`;
    byId("title").textContent = `Predict ${target}`;
    byId("about").textContent = `Model ${card.name} · ${card.features.length} features${card.unit ? ` · ${card.unit}` : ""}`;
    byId("version").textContent = `Model ${card.name}, version ${card.version}`;
    byId("fields").replaceChildren(...card.features.map(field));
    for (const id of ["predict", "typical", "clear"]) byId(id).disabled = false;
    byId("typical").hidden = !card.features.some((feature) => feature.mean !== undefined);
    badge("ready", "good");
    history();
  }

  function badge(text, kind) {
    const node = byId("state");
    node.textContent = text;
    node.className = `badge ${kind}`;
  }

  // ---- values and their errors ------------------------------------------------------------------------------------

  const input = (at) => byId(`field-${at}`);

  function fault(at, text) {
    byId(`field-${at}-error`).textContent = text;
    input(at).setAttribute("aria-invalid", "true");
  }

  function clean() {
    problem.hidden = true;
    card.features.forEach((_, at) => {
      byId(`field-${at}-error`).textContent = "";
      input(at).removeAttribute("aria-invalid");
    });
  }

  // The value of a field, undefined for one that is left out, or an error in words.
  function read(feature, at) {
    const node = input(at);
    if (feature.type === "bool") return { value: node.checked };
    if (node.validity.badInput) return { error: "This is not a number." };
    if (node.value === "") return feature.required ? { error: "Please fill this in." } : {};
    if (feature.values.length > 0) return { value: feature.values[node.selectedIndex - 1] };
    if (feature.type === "string") return { value: node.value };
    const value = Number(node.value);
    if (node.validity.rangeUnderflow || node.validity.rangeOverflow) return { error: `Must be from ${feature.min ?? "any"} to ${feature.max ?? "any"}.` };
    if (feature.type === "int" && !Number.isInteger(value)) return { error: "Must be a whole number." };
    return { value };
  }

  function values() {
    const row = {};
    let first = null;
    card.features.forEach((feature, at) => {
      const { value, error } = read(feature, at);
      if (error) {
        fault(at, error);
        first ??= at;
      } else if (value !== undefined) row[feature.name] = value;
    });
    if (first !== null) input(first).focus();
    return first === null ? row : null;
  }

  // What the server refused, at its field where it names one.
  function refused(error) {
    const named = (error.field || "").replace(/^\//, "").replace(/~1/g, "/").replace(/~0/g, "~");
    const at = card.features.findIndex((feature) => feature.name === named);
    const text = [error.message, error.hint].filter(Boolean).join(": ");
    if (at >= 0) {
      fault(at, text);
      input(at).focus();
      return;
    }
    problem.textContent = text;
    problem.hidden = false;
    problem.focus();
  }

  // ---- asking -----------------------------------------------------------------------------------------------------

  async function ask(path, options) {
    let response;
    try {
      response = await fetch(api + path, { cache: "no-store", ...options });
    } catch {
      throw { message: "The server does not answer", hint: "is it running?" };
    }
    const body = await response.json().catch(() => null);
    if (!response.ok || body === null) throw body?.error || { message: `The server answered ${response.status}` };
    return { body, response };
  }

  async function predict(event) {
    event.preventDefault();
    if (asking) return;
    clean();
    const row = values();
    if (!row) return;
    // Not disabled while it asks: that would take the focus away from who uses a keyboard.
    asking = true;
    const begun = performance.now();
    try {
      const path = card.probabilities ? "predict?proba=true" : "predict";
      const { body, response } = await ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(row) });
      const took = performance.now() - begun;
      answer(body, took, response.headers.get("server-timing"));
      remember({ at: Date.now(), prediction: body.prediction, took, row });
      badge("ready", "good");
    } catch (error) {
      refused(error);
    } finally {
      asking = false;
    }
  }

  function milliseconds(took) {
    return took < 10 ? `${took.toFixed(1)} ms` : `${Math.round(took)} ms`;
  }

  function inference(timing) {
    const found = /infer;dur=([\d.]+)/.exec(timing || "");
    return found ? `model ${Math.round(Number(found[1]) * 1000)} µs` : null;
  }

  function answer(body, took, timing) {
    const shown = Array.isArray(body.prediction) ? body.prediction.map(number).join(", ") : number(body.prediction);
    const what = [card.target, card.unit].filter(Boolean).join(" · ");
    const facts = [`answered in ${milliseconds(took)}`, inference(timing)].filter(Boolean);
    const nodes = [make("p", { class: "value", id: "value" }, shown), make("p", { class: "what" }, what)];
    if (body.probabilities) nodes.push(bars(body.probabilities));
    nodes.push(make("p", { class: "facts quiet" }, ...facts.map((fact) => make("span", {}, fact))));
    byId("answer").replaceChildren(...nodes);
  }

  function bars(probabilities) {
    const sorted = Object.entries(probabilities).sort((a, b) => b[1] - a[1]).slice(0, 12);
    return make("ul", { class: "bars", "aria-label": "Probability by class" }, ...sorted.map(([name, share], at) =>
      make("li", { class: at === 0 ? "top" : undefined },
        make("span", { class: "names" }, make("span", {}, name), make("span", {}, `${(share * 100).toFixed(1)} %`)), Chart.bar(share))));
  }

  // ---- the last predictions ---------------------------------------------------------------------------------------

  const place = () => `predictions of ${card.name} ${location.pathname}`;

  function remembered() {
    try {
      return JSON.parse(sessionStorage.getItem(place())) || [];
    } catch {
      return [];
    }
  }

  function keep(list) {
    try {
      sessionStorage.setItem(place(), JSON.stringify(list));
    } catch { /* a tab without storage shows the last answer only */ }
  }

  function remember(entry) {
    keep([...remembered(), entry].slice(-KEPT));
    history();
  }

  function history() {
    const list = remembered();
    byId("forget").hidden = list.length === 0;
    if (list.length === 0) {
      byId("chart").replaceChildren();
      byId("history").replaceChildren(make("p", { class: "quiet" }, "They are kept in this tab only."));
      return;
    }
    const single = list.map((entry) => (Array.isArray(entry.prediction) ? entry.prediction[0] : entry.prediction));
    const label = `The last ${list.length} predictions, oldest first: ${single.map(number).join(", ")}`;
    byId("chart").replaceChildren(Chart.line(single, label, byId("chart").clientWidth));
    const head = make("tr", {}, ...["Time", card.target || "Prediction", "Took", "Features"].map((name) => make("th", { scope: "col" }, name)));
    const rows = [...list].reverse().map((entry) => make("tr", {},
      make("td", {}, new Date(entry.at).toLocaleTimeString("en", { hour12: false })),
      make("td", {}, Array.isArray(entry.prediction) ? entry.prediction.map(number).join(", ") : number(entry.prediction)),
      make("td", {}, milliseconds(entry.took)),
      make("td", { class: "features" }, Object.entries(entry.row).map(([name, value]) => `${name} ${number(value)}`).join(", "))));
    const table = make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
    byId("history").replaceChildren(make("div", { class: "scroll", tabindex: 0, role: "group", "aria-labelledby": "history-title" }, table));
  }

  // ---- start ------------------------------------------------------------------------------------------------------

  form.addEventListener("submit", predict);
  byId("typical").addEventListener("click", () => {
    clean();
    card.features.forEach((feature, at) => {
      if (feature.values.length > 0) input(at).value = feature.default ?? feature.values[0];
      else if (feature.mean !== undefined) input(at).value = feature.type === "int" ? Math.round(feature.mean) : significant(feature.mean);
    });
    byId("predict").focus();
  });
  byId("clear").addEventListener("click", () => {
    form.reset();
    clean();
    input(0)?.focus();
  });
  byId("forget").addEventListener("click", () => {
    keep([]);
    history();
    byId("predict").focus();
  });

  // A model server that is still loading answers 503: ask again for a while.
  async function start(tries) {
    try {
      show((await ask("signature.json")).body);
    } catch (error) {
      badge(error.code === "not_ready" ? "loading" : "not reached", "bad");
      byId("about").textContent = [error.message, error.hint].filter(Boolean).join(": ");
      if (tries > 0) setTimeout(() => start(tries - 1), 1500);
    }
  }
  start(40);
})();

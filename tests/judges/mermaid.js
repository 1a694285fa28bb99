// What Mermaid makes of pictures, in a browser, as it is on GitHub: reads and draws the JSON list of them in #pictures,
// and leaves in #judged, as JSON, what came of each. What GitHub does not let through is let through here: a label must
// be harmless by itself.

mermaid.initialize({ startOnLoad: false, securityLevel: "loose", suppressErrorRendering: true });

// An element, its class, and what it would do or fetch.
const element = (node) => {
  const attributes = [...node.attributes].filter(({ name }) => /^on|href|^src|^class$/.test(name));
  return [node.tagName.toLowerCase(), ...attributes.map(({ name, value }) => `${name}=${value}`)].join(" ");
};

const text = (label) => {
  label.querySelectorAll("br").forEach((br) => br.replaceWith("\n"));
  return label.textContent.trim();
};

const judge = async (picture, at) => {
  const { type, db } = await mermaid.mermaidAPI.getDiagramFromText(picture);
  const nodes = [...db.getVertices().values()];
  const holder = document.createElement("div");
  document.body.append(holder);
  const { svg } = await mermaid.render(`picture${at}`, picture, holder);
  holder.innerHTML = svg;
  const elements = [...holder.querySelectorAll("*")].filter(({ tagName }) => tagName !== "style").map(element);
  const drawn = [...holder.querySelectorAll(".node")].map((node) => text(node.querySelector(".nodeLabel")));
  holder.remove();
  return {
    type,
    nodes: nodes.map(({ id, classes, link, haveCallback }, at) => ({ id, classes, acts: !!(link || haveCallback), label: drawn[at] })),
    edges: db.getEdges().map(({ start, end, stroke }) => [start, end, stroke]),
    groups: db.getSubGraphs().length,
    elements,
  };
};

const main = async () => {
  const pictures = JSON.parse(document.getElementById("pictures").textContent);
  const judged = [];
  for (const [at, picture] of pictures.entries()) {
    judged.push(await judge(picture, at).catch((error) => ({ error: String(error) })));
  }
  const escaped = (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  document.getElementById("judged").textContent = JSON.stringify(judged).replace(/[^ -%'-;=?-~]/g, escaped);
};

main();

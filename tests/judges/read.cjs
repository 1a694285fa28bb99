// Reads YAML on stdin with js-yaml or with yaml (as 1.1 or as 1.2) and prints it as JSON.
// A key that is not a text is an error: JSON would hide it.

const {readFileSync} = require("node:fs");

const readers = {
  "js-yaml": (text) => require("js-yaml").load(text),
  "yaml-1.1": (text) => require("yaml").parse(text, {version: "1.1", mapAsMap: true}),
  "yaml-1.2": (text) => require("yaml").parse(text, {version: "1.2", mapAsMap: true}),
};

function withTextKeys(value) {
  if (Array.isArray(value)) return value.map(withTextKeys);
  if (!(value instanceof Map)) return value;
  for (const key of value.keys()) if (typeof key !== "string") throw new Error(`the key ${key} is not a text`);
  return Object.fromEntries([...value].map(([key, inner]) => [key, withTextKeys(inner)]));
}

console.log(JSON.stringify(withTextKeys(readers[process.argv[2]](readFileSync(0, "utf8")))));

/** The OpenAPI document as one page that loads nothing: for a browser at a node without a way to the internet. */
import type { OpenApi } from "./openapi.ts";

type Json = Readonly<Record<string, unknown>>;
type Operation = OpenApi["paths"][string][string];

interface Place {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

export function docsPage({ info, tags, paths }: OpenApi): string {
  const places = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  );
  const of = (tag: string): readonly Place[] => places.filter(({ operation }) => operation.tags[0] === tag);
  const menu = tags.map(({ name }) => `<a href="#${name}">${escape(name)}</a>`).join("");
  const groups = tags.map(
    ({ name, description }) =>
      `<section id="${name}"><h2>${escape(name)}</h2><p>${escape(description)}</p>${of(name).map(article).join("")}</section>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kvorum: the HTTP API</title>
<style>${STYLE}</style>
</head>
<body>
<header><h1>Kvorum <small>HTTP API, version ${escape(String(info["version"]))}</small></h1>
<p>${escape(String(info["description"]))} Machines read <a href="/v1/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
<nav>${menu}</nav></header>
<main>
<pre class="example">curl -X PUT --data 'hello' http://localhost:7411/v1/keyspaces/default/keys/greeting
curl http://localhost:7411/v1/keyspaces/default/keys/greeting
curl -N http://localhost:7411/v1/keyspaces/default/watch</pre>
${groups.join("\n")}
</main>
</body>
</html>
`;
}

function article({ method, path, operation }: Place): string {
  const { summary, description, parameters, requestBody, responses, operationId } = operation;
  const parts = [
    description === undefined ? "" : `<p>${prose(description)}</p>`,
    parameters.length === 0 ? "" : parameterTable(parameters),
    requestBody === undefined ? "" : `<h4>Body</h4>${content(requestBody)}`,
    `<h4>Answers</h4>${Object.entries(responses).map(answer).join("")}`,
  ];
  return `<details id="${operationId}"><summary><span class="method ${method}">${method.toUpperCase()}</span>
<code>${escape(path).replace(/(\{\w+\})/g, "<i>$1</i>")}</code><span class="what">${escape(summary)}</span></summary>
<div>${parts.join("")}</div></details>`;
}

function parameterTable(parameters: readonly Json[]): string {
  const rows = parameters.map((parameter) => {
    const { type, enum: values, default: preset } = parameter["schema"] as Json;
    const kind = Array.isArray(values)
      ? values.map((value) => escape(String(value))).join(" | ")
      : String(type ?? "string");
    const notes = [
      parameter["required"] === true ? "required" : "",
      preset === undefined || preset === "" ? "" : `default ${String(preset)}`,
    ].filter((note) => note !== "");
    return `<tr><td><code>${escape(String(parameter["name"]))}</code></td><td>${String(parameter["in"])}</td>
<td>${kind}${notes.length === 0 ? "" : `<br><small>${escape(notes.join(", "))}</small>`}</td><td>${prose(String(parameter["description"] ?? ""))}</td></tr>`;
  });
  return `<h4>Parameters</h4><div class="scroll"><table>${rows.join("")}</table></div>`;
}

function answer([status, value]: [string, unknown]): string {
  const response = value as Json;
  if (status === "default")
    return `<p><b>otherwise</b> an error: <code>{ "error": { "code", "message", "hint", "definite" } }</code></p>`;
  return `<p><b>${status}</b> ${prose(String(response["description"]))}</p>${Number(status) < 400 ? content(response) : ""}`;
}

/** The schema in short; bytes and empty bodies speak for themselves. */
function content(holder: Json): string {
  const bodies = Object.entries((holder["content"] ?? {}) as Readonly<Record<string, Json>>);
  return bodies
    .map(([type, { schema }]) =>
      schema === undefined
        ? `<p>Bytes, of any content type.</p>`
        : `<pre><small>${escape(type)}</small>\n${escape(shape(schema as Json))}</pre>`,
    )
    .join("");
}

/** A JSON schema as a shape that a person reads: `{ key: string, ttl?: integer }`. */
function shape(schema: Json, indent = ""): string {
  const { type, properties, items, anyOf, oneOf, enum: values, required = [] } = schema;
  const constant = schema["const"];
  if (constant !== undefined) return JSON.stringify(constant);
  if (Array.isArray(values)) return values.map((value) => JSON.stringify(value)).join(" | ");
  const choices = (anyOf ?? oneOf) as readonly Json[] | undefined;
  if (choices !== undefined) {
    const shapes = [...new Set(choices.map((choice) => shape(choice, indent)))];
    return shapes.some((each) => each.length > 40)
      ? shapes.map((each) => `\n${indent}| ${each}`).join("")
      : shapes.join(" | ");
  }
  if (type === "array") {
    const inner = shape(items as Json, indent);
    return inner.includes(" | ") && !inner.startsWith("{") ? `(${inner})[]` : `${inner}[]`;
  }
  if (Array.isArray(type)) return type.join(" | ");
  if (type !== "object") return String(type ?? "any");
  const fields = Object.entries((properties ?? {}) as Readonly<Record<string, Json>>);
  if (fields.length === 0) return "{ }";
  const deeper = `${indent}  `;
  const parts = fields.map(([name, field]) => {
    const optional = (required as readonly string[]).includes(name) ? "" : "?";
    return `${name}${optional}: ${shape(field, deeper)}`;
  });
  const line = `{ ${parts.join(", ")} }`;
  return line.length <= 90 && !line.includes("\n")
    ? line
    : `{\n${parts.map((part) => `${deeper}${part}`).join("\n")}\n${indent}}`;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Words in backticks are code. */
const prose = (text: string): string => escape(text).replace(/`([^`]+)`/g, "<code>$1</code>");

const STYLE = `
:root { color-scheme: light dark; --ground: #fff; --ink: #1c2530; --soft: #5b6875; --line: #dde3e9; --panel: #f5f7f9; --accent: #0b62c4;
  --get: #0f7a4d; --put: #9a5b00; --post: #0b62c4; --delete: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ground: #12171d; --ink: #e4e9ee; --soft: #9aa7b4; --line: #2b353f; --panel: #1a2129; --accent: #7db7ff;
  --get: #5fd3a0; --put: #f0b45a; --post: #7db7ff; --delete: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.55 system-ui, sans-serif; }
header, main { max-width: 62rem; margin: 0 auto; padding: 1rem 1.25rem; }
h1 { margin: 1rem 0 .25rem; font-size: 1.7rem; } h1 small { font-size: .95rem; font-weight: 400; color: var(--soft); }
h2 { margin: 2.2rem 0 .2rem; font-size: 1.2rem; } h4 { margin: 1rem 0 .3rem; font-size: .85rem; color: var(--soft); }
section > p { margin: 0 0 .8rem; color: var(--soft); }
a { color: var(--accent); } nav { display: flex; flex-wrap: wrap; gap: .3rem 1rem; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0; background: var(--panel); }
summary { display: flex; flex-wrap: wrap; align-items: baseline; gap: .2rem .8rem; padding: .55rem .8rem; cursor: pointer; list-style: none; }
summary::-webkit-details-marker { display: none; } details[open] > summary { border-bottom: 1px solid var(--line); }
details > div { padding: .4rem 1rem 1rem; }
summary code i { font-style: normal; color: var(--accent); }
.method { min-width: 4rem; font: 600 .8rem ui-monospace, monospace; }
.get { color: var(--get); } .put { color: var(--put); } .post { color: var(--post); } .delete { color: var(--delete); }
.what { color: var(--soft); margin-left: auto; }
code, pre { font-family: ui-monospace, monospace; font-size: .86rem; }
pre { margin: .3rem 0; padding: .6rem .8rem; overflow-x: auto; background: var(--ground); border: 1px solid var(--line); border-radius: 5px; }
pre small { color: var(--soft); } .scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; } td { padding: .35rem .7rem .35rem 0; border-top: 1px solid var(--line); vertical-align: top; }
td small { color: var(--soft); }
`;

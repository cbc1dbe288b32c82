/** A run as one HTML file that needs nothing else: no script, no style, no font from elsewhere. */
import { escape } from "../plot/plot-style.ts";
import { reportSvg } from "./report-plots.ts";
import type { BenchSettings } from "./settings.ts";
import { type BenchSummary, type LatencySummary, PERCENTILES } from "./summary.ts";

export function reportPage(summary: BenchSummary): string {
  const { settings, throughput, ok, failed, seconds, warnings, nodes, command, generator } = summary;
  const title = `kvorum bench ${settings.workload}: ${number(throughput)} requests/s`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${escape(title)}</title>
<style>
${STYLE}
</style>
</head>
<body>
<h1>${escape(title)}</h1>
<p>${number(ok)} requests done and ${number(failed)} failed in ${seconds.toFixed(1)} s${summary.interrupted ? ", then interrupted" : ""}. ${escape(summary.startedAt)}.</p>
${warnings.map((warning) => `<p class="warning"><strong>Warning:</strong> ${escape(warning)}</p>`).join("\n")}
<h2>Latency</h2>
${latencyTable(summary)}
<p class="note">In milliseconds, of requests that succeeded, ${
    settings.rate === null
      ? "from when a request was sent. Closed loop: each caller waits for its answer before it asks again, so a stall is seen by few requests"
      : "from when a request was due, whether or not it could be sent then. “Once sent” leaves that waiting out"
  }.</p>
${reportSvg(summary)}
${failureTable(summary)}
<h2>Settings</h2>
${pairs(settingPairs(settings))}
<h2>Cluster and load generator</h2>
${pairs([
  ...nodes.map(
    ({ name, address, version }) => [name, `${address}, ${version ?? "version not known"}`] as const,
  ),
  [
    "load generator",
    `kvorum ${summary.version}, busy ${Math.round(100 * generator.utilisation)}% of the time`,
  ],
])}
<h2>Again</h2>
<pre><code>${escape(command)}</code></pre>
</body>
</html>
`;
}

const STYLE = `:root{--ink:#1f2328;--paper:#ffffff;--soft:#59636e;--line:#d8dee4;--warm:#9a3412;--warm-paper:#fff4ed}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#0d1117;--soft:#9198a1;--line:#30363d;--warm:#ffb38a;--warm-paper:#2b1a12}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:860px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto}
th,td{padding:.25rem .8rem .25rem 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{font-weight:600}td.number,th.number{text-align:right}td.number,td.short{white-space:nowrap}
.note{color:var(--soft);font-size:.9rem}
.warning{color:var(--warm);background:var(--warm-paper);border-left:4px solid var(--warm);padding:.5rem .8rem}
pre{border:1px solid var(--line);padding:.6rem .8rem;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}
svg{max-width:100%;height:auto;margin-top:1rem}`;

function latencyTable({ latency, byKind, service, failing }: BenchSummary): string {
  const kinds = Object.entries(byKind);
  const rows: (readonly [string, LatencySummary | null])[] = [
    ["all", latency],
    ...(kinds.length > 1 ? kinds : []),
    ...(service === null ? [] : ([["once sent", service]] as const)),
    ...(failing === null ? [] : ([["failures", failing]] as const)),
  ];
  const head = ["", "count", "mean", ...PERCENTILES.map((percent) => `p${percent}`), "max"];
  return htmlTable(
    head,
    rows.map(([name, of]) =>
      of === null
        ? [name, "0"]
        : [
            name,
            number(of.count),
            milliseconds(of.mean),
            ...of.percentiles.map(({ latency: found }) => milliseconds(found)),
            milliseconds(of.max),
          ],
    ),
  );
}

function failureTable({ failures }: BenchSummary): string {
  if (failures.length === 0) return "";
  const rows = failures.map(
    ({ code, count, definite, detail }) =>
      `<tr><td class="short">${escape(code)}</td><td class="number">${number(count)}</td><td class="short">${definite ? "surely none" : "unknown"}</td><td>${escape(detail)}</td></tr>`,
  );
  return `<h2>Failures</h2>
<div class="wide"><table><thead><tr><th>code</th><th class="number">count</th><th>effect</th><th>first</th></tr></thead><tbody>
${rows.join("\n")}
</tbody></table></div>`;
}

function htmlTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: "td" | "th", texts: readonly string[]) =>
    texts.map((text, at) => `<${tag}${at === 0 ? "" : ' class="number"'}>${escape(text)}</${tag}>`).join("");
  return `<div class="wide"><table><thead><tr>${cells("th", head)}</tr></thead><tbody>
${rows.map((row) => `<tr>${cells("td", row)}</tr>`).join("\n")}
</tbody></table></div>`;
}

const pairs = (rows: readonly (readonly [string, string])[]): string =>
  `<div class="wide"><table><tbody>
${rows.map(([name, value]) => `<tr><th>${escape(name)}</th><td>${escape(value)}</td></tr>`).join("\n")}
</tbody></table></div>`;

function settingPairs(settings: BenchSettings): readonly (readonly [string, string])[] {
  const { workload, readRatio, rate, arrivals, duration, requests, consistency } = settings;
  const length = [
    ...(duration === null ? [] : [`${duration / 1_000} s`]),
    ...(requests === null ? [] : [`${number(requests)} requests`]),
  ];
  return [
    ["workload", workload === "mixed" ? `mixed, ${Math.round(100 * readRatio)}% reads` : workload],
    ["keyspace", settings.keyspace],
    ["protocol", settings.protocol === "typed" ? "typed client" : "RESP"],
    ["consistency of reads", consistency ?? "what the keyspace gives by itself"],
    [
      "load",
      rate === null
        ? "closed loop"
        : `open loop, ${number(rate)} requests/s, ${arrivals === "poisson" ? "a Poisson process" : "at equal distances"}`,
    ],
    [
      "callers",
      `${settings.clients}, each with ${settings.pipeline} under way, over ${settings.connections} ${settings.protocol === "typed" ? "typed clients" : "connections"}`,
    ],
    ["values", `${number(settings.valueSize)} bytes`],
    ["keys", `${number(settings.keys)}, ${settings.distribution}`],
    ["length", `${length.join(" or ")}, after ${settings.warmup / 1_000} s of warm-up`],
    ["seed", String(settings.seed)],
  ];
}

const number = (value: number): string =>
  (value >= 10 ? Math.round(value) : Math.round(value * 10) / 10).toLocaleString("en");

const milliseconds = (value: number | null): string =>
  value === null ? "-" : value >= 100 ? number(value) : value.toFixed(value >= 10 ? 1 : value >= 1 ? 2 : 3);

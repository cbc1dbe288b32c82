import { expect, test } from "vitest";
import { Timeline, drawTimeline, eventsOfHistory } from "./timeline.ts";

test("time goes down, nodes stand side by side", () => {
  const history = eventsOfHistory([
    { process: 1, type: "invoke", f: "write", key: "x", value: 7, time: 10, node: "n2" },
    { process: 1, type: "ok", f: "write", key: "x", value: null, time: 30, node: "n2" },
    { process: 2, type: "invoke", f: "read", key: "x", value: null, time: 31, node: "n1" },
  ]);
  const nodes = [
    { time: 5, host: "n1", text: "leads group 3 in term 2" },
    { time: 20, host: null, text: "halves" },
  ];
  expect(drawTimeline([...nodes, ...history], { hosts: ["n1", "n2"], width: 16, most: 10 })).toEqual([
    " time (s) | n1               | n2",
    "   0.0050 | leads group 3 i… |",
    "   0.0100 |                  | p1 asks write x…",
    "   0.0200 | * halves",
    "   0.0300 |                  | p1 is told null",
    "   0.0310 | p2 asks read x   |",
  ]);
});

test("only the last events are kept, and drawn", () => {
  const timeline = new Timeline(3);
  for (let time = 1; time <= 50; time++) timeline.note({ time, host: null, text: String(time) });
  expect(timeline.events.map(({ text }) => text)).toEqual(["48", "49", "50"]);
  expect(drawTimeline(timeline.events, { hosts: [], width: 10, most: 1 })).toHaveLength(2);
});

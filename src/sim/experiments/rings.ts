/** The page docs/experiments/rings.md and its plot: how even the placements are, and what moves when a node joins. */
import { ByteWriter } from "../../core/bytes.ts";
import { nodeId, type NodeId } from "../../core/ids.ts";
import { fingersOf, resolve } from "../../placement/fingers.ts";
import { rendezvousOwners } from "../../placement/rendezvous.ts";
import { buildRing, keyPosition, ringOwners, ringShares, type Weighted } from "../../placement/ring.ts";
import { linePlots } from "../../plot/line-plot.ts";
import { percent, table } from "./table.ts";

/** Lamping and Veach 2014: the ring of Karger et al. beside their jump hash. */
export const RING_BALANCE = [
  { points: 1, published: 0.998, rings: 200 },
  { points: 10, published: 0.315, rings: 40 },
  { points: 100, published: 0.0997, rings: 10 },
  { points: 1000, published: 0.0316, rings: 6 },
] as const;

const BALANCE_NODES = 500;
const MOVEMENT_NODES = 20;
const MOVEMENT_KEYS = 5000;

type Row = readonly (string | number)[];
type Place = (members: readonly Weighted[], seed: number) => (key: Uint8Array) => NodeId;

/** The standard deviation of the shares of all nodes of several rings, as a part of the mean share; and the extremes. */
export function ringBalance(points: number, rings: number, nodes = BALANCE_NODES) {
  let squares = 0;
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for (let seed = 1; seed <= rings; seed++) {
    for (const share of ringShares(buildRing(equal(nodes), points, seed)).values()) {
      const relative = share * nodes;
      squares += (relative - 1) ** 2;
      least = Math.min(least, relative);
      most = Math.max(most, relative);
    }
  }
  return { error: Math.sqrt(squares / (rings * nodes)), least, most };
}

/** `scale` thins the runs out, for tests. `say` is told what is being measured. */
export function measureRings(
  say: (line: string) => void,
  scale = 1,
): { readonly page: string; readonly plot: string } {
  const errors: (readonly [number, number])[] = [];

  const runs = (full: number) => Math.max(1, Math.round(full * scale));
  const balance = RING_BALANCE.map(({ points, published, rings }): Row => {
    say(`balance with ${points} points a node`);
    const { error, least, most } = ringBalance(
      points,
      runs(rings),
      Math.max(10, Math.round(BALANCE_NODES * scale)),
    );
    errors.push([points, error]);
    const ratio = (error / published).toFixed(2);
    return [points, published, error.toPrecision(3), ratio, percent(least, 0), percent(most, 0)];
  });
  const schemes: readonly (readonly [string, Place])[] = [
    ...RING_BALANCE.map(({ points }) => [`ring, ${points} a node`, onRing(points)] as const),
    ["rendezvous", (members, seed) => (key) => rendezvousOwners(members, key, 1, seed)[0]!],
    ["hash modulo nodes", (members, seed) => (key) => members[keyPosition(key, seed) % members.length]!.node],
  ];
  const movement = schemes.map(([name, place]): Row => {
    say(`movement: ${name}`);
    return [name, ...movementOf(place, runs(20), Math.max(100, Math.round(MOVEMENT_KEYS * scale)))];
  });
  const hops = [10, 100, 1000].map((nodes): Row => {
    say(`hops among ${nodes} nodes`);
    return hopsAmong(nodes, runs(2000));
  });
  return { page: ringsPage(balance, movement, hops), plot: balancePlot(errors) };
}

function balancePlot(errors: readonly (readonly [number, number])[]): string {
  return linePlots("How even a ring is, against its points", [
    {
      title: `A ring of ${BALANCE_NODES} nodes: how much their shares of it differ`,
      x: {
        label: "points a node (logarithmic)",
        from: 1,
        to: 1000,
        ticks: [1, 10, 100, 1000],
        logarithmic: true,
      },
      y: {
        label: "standard error of a share (logarithmic)",
        from: 0.01,
        to: 2,
        ticks: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2],
        logarithmic: true,
      },
      lines: [
        {
          name: "measured",
          points: errors,
          published: RING_BALANCE.map(({ points, published }) => [points, published] as const),
        },
        {
          name: "1 / sqrt(points)",
          points: [1, 1000].map((points) => [points, 1 / Math.sqrt(points)] as const),
          bare: true,
        },
      ],
    },
  ]);
}

function onRing(points: number): Place {
  return (members, seed) => {
    const ring = buildRing(members, points, seed);
    return (key) => ringOwners(ring, keyPosition(key, seed), 1)[0]!;
  };
}

function movementOf(place: Place, runs: number, keys: number): Row {
  let [toNew, between, givers] = [0, 0, 0];
  let [least, most] = [1, 0];
  for (let seed = 1; seed <= runs; seed++) {
    const before = place(equal(MOVEMENT_NODES), seed);
    const after = place(equal(MOVEMENT_NODES + 1), seed);
    const gave = new Set<NodeId>();
    let taken = 0;
    for (let number = 0; number < keys; number++) {
      const key = keyOf(number);
      const [was, is] = [before(key), after(key)];
      if (was === is) continue;
      gave.add(was);
      if (is === MOVEMENT_NODES + 1) taken++;
      else between++;
    }
    toNew += taken;
    givers += gave.size;
    least = Math.min(least, taken / keys);
    most = Math.max(most, taken / keys);
  }
  const all = runs * keys;
  return [
    percent(toNew / all),
    `${percent(least)} to ${percent(most)}`,
    percent(between / all),
    (givers / runs).toFixed(1),
  ];
}

function hopsAmong(nodes: number, lookups: number): Row {
  const ring = buildRing(equal(nodes), 1, 1);
  const fingers = equal(nodes).map(({ node }) => fingersOf(ring, node)!);
  let [sum, most] = [0, 0];
  for (let lookup = 0; lookup < lookups; lookup++) {
    const position = keyPosition(keyOf(lookup));
    let hops = 0;
    let hop = resolve(fingers[lookup % nodes]!, position);
    for (; "ask" in hop; hops++) hop = resolve(fingers[hop.ask - 1]!, position);
    sum += hops;
    most = Math.max(most, hops);
  }
  const known = fingers.reduce((total, one) => total + one.known.length, 0) / nodes;
  const expected = Math.log2(nodes) / 2;
  return [nodes, expected.toFixed(2), (sum / lookups).toFixed(2), most, known.toFixed(1)];
}

function equal(count: number): readonly Weighted[] {
  return Array.from({ length: count }, (_, at) => ({ node: nodeId(at + 1), weight: 1 }));
}

function keyOf(number: number): Uint8Array {
  const writer = new ByteWriter();
  writer.binary(`key:${number}`);
  return writer.finish();
}

function ringsPage(balance: readonly Row[], movement: readonly Row[], hops: readonly Row[]): string {
  return `# How even a ring is, and what moves

<!-- Written by \`npm run experiments rings\`. What is said here stands in src/sim/experiments/rings.ts. -->

\`npm run experiments rings\` writes this page anew, in a minute or two on two slow, shared cores. The placements of \`src/placement\`. All hashes come from seeds that are numbered from 1: every digit is the same on every machine.

## Balance

The standard error of a node's share of the circle, as a part of the mean share, beside the published one (Lamping and Veach,
"A Fast, Minimal Memory, Consistent Hash Algorithm", arXiv:1406.2294, 2014, who give it for the ring of Karger et al. 1997). The four numbers are checked against
a copy of that paper's table; for how many nodes it is: not verified. ${BALANCE_NODES} nodes; several rings, each with a seed of its own. The least and the most are of all nodes of all rings.

![Standard error against points a node](rings.svg)

${table(["points a node", "published", "measured", "ratio", "least", "most"], balance)}

The error falls with the square root of the number of points: 1 / sqrt(points), nearly. Rendezvous hashing has none but that of the
hash itself.

## Movement

A node joins ${MOVEMENT_NODES} others: fair would be ${percent(1 / (MOVEMENT_NODES + 1))} of the keys. ${MOVEMENT_KEYS} keys; when a node leaves, the same moves backwards.

${table(
  ["placement", "moved to the new node", "least to most", "moved between the others", "nodes that gave keys"],
  movement,
)}

The more points, the more of the others share in the work, and the less it depends on luck.

## Hop by hop

Lookups by nodes that know only their fingers, one point a node. Expected: half of log2 of the nodes (Stoica, Morris, Karger, Kaashoek and Balakrishnan,
"Chord", SIGCOMM 2001; the number of the section: not verified).

${table(["nodes", "expected hops", "measured", "most", "points known"], hops)}
`;
}

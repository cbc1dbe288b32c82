/** `npm run example likes`: three front ends on one cluster. */
import { parseArgs } from "node:util";
import { closeOnSignal, settings } from "../web/run.ts";
import { Cluster } from "./cluster.ts";
import { FrontEnd } from "./front-end.ts";
import { REPLICATION, replicationOf } from "./likes.ts";

const { values } = parseArgs({ options: { replication: { type: "string", default: REPLICATION } } });
const replication = replicationOf(values.replication);

const { port } = settings();
const cluster = process.env["KVORUM_URL"] ?? (await Cluster.start());
const frontEnds: FrontEnd[] = [];
for (let number = 1; number <= 3; number++)
  frontEnds.push(
    await FrontEnd.start({
      cluster,
      replication,
      port: port + number - 1,
      number,
      frontEnds: addresses,
    }),
  );
closeOnSignal(async () => {
  await Promise.all(frontEnds.map((frontEnd) => frontEnd.close()));
  if (typeof cluster !== "string") await cluster.close();
});
for (const address of addresses()) console.log(`the like button, replicated by ${replication}: ${address}`);

function addresses(): string[] {
  return frontEnds.map(({ address }) => address);
}

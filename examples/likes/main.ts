/** `npm run example likes`: three front ends on one cluster. */
import { closeOnSignal, settings } from "../web/run.ts";
import { FrontEnd } from "./front-end.ts";

const { url, port } = settings();
const frontEnds: FrontEnd[] = [];
for (let number = 1; number <= 3; number++)
  frontEnds.push(await FrontEnd.start({ url, port: port + number - 1, number, frontEnds: addresses }));
closeOnSignal(async () => {
  await Promise.all(frontEnds.map((frontEnd) => frontEnd.close()));
});
for (const address of addresses()) console.log(`the like button: ${address}`);

function addresses(): string[] {
  return frontEnds.map(({ address }) => address);
}

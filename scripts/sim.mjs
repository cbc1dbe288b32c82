/** `npm run sim`: makes the clone ready, then is `kvorum sim`. Options go behind `--`: npm run sim -- --seed 7. */
import { runKvorum } from "./run-kvorum.mjs";

await runKvorum("sim");

/** `npm start`: makes the clone ready, then is `kvorum dev`. Options go behind `--`: npm start -- --fresh. */
import { runKvorum } from "./run-kvorum.mjs";

await runKvorum("dev");

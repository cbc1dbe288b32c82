/** `npm run example microblog`. */
import { closeOnSignal, settings } from "../web/run.ts";
import { BlogServer } from "./server.ts";

const { url, port } = settings();
const server = await BlogServer.start(url, port);
closeOnSignal(() => server.close());
console.log(`the microblog: ${server.address}`);

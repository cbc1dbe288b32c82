/** `serve PORT` accepts connections; `call PORT HOST` ends with 0 if it gets one within half a second. */
import { connect, createServer } from "node:net";

const [mode, port, host] = process.argv.slice(2);
if (mode === "serve") createServer((socket) => socket.end()).listen(Number(port), "0.0.0.0");
else {
  setTimeout(() => process.exit(1), 500);
  connect(Number(port), host)
    .once("connect", () => process.exit(0))
    .once("error", () => process.exit(1));
}

import { TcpWorld } from "./tcp.testkit.ts";
import { transportAcceptance } from "./transport.testkit.ts";

transportAcceptance("over TCP", () =>
  Promise.resolve(new TcpWorld({ heartbeatInterval: 100, backoffMax: 100, closeTimeout: 200 })),
);

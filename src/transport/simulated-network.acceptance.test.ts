import { SimulatedWorld } from "./simulated.testkit.ts";
import { transportAcceptance } from "./transport.testkit.ts";

transportAcceptance("simulated", () => Promise.resolve(new SimulatedWorld()));

/** `kvorum/client`: the typed client. */
export { ClientDriver, type ClientRuntime } from "./driver.ts";
export type * from "./transport.ts";

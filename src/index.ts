/** `kvorum`: a node in your process, and the typed client. */
export * from "./client/index.ts";
export { createNode, type CreateNodeOptions, type EmbeddedNode } from "./embedded/create-node.ts";

/** All commands that the door answers itself, by way of the node or not. */
import type { SessionCommand } from "../session.ts";
import { BASIC_COMMANDS } from "./basics.ts";
import { CLIENT } from "./client.ts";
import { CLUSTER } from "./cluster.ts";
import { COMMAND_COMMAND } from "./command.ts";
import { CONFIG } from "./config.ts";
import { DIAGNOSTIC_COMMANDS } from "./diagnostics.ts";
import { HELLO_COMMANDS } from "./hello.ts";
import { INFO } from "./info.ts";
import { KEYSPACE_COMMANDS } from "./keyspace.ts";
import { KVORUM } from "./kvorum.ts";
import { MEMORY } from "./memory.ts";
import { PUBSUB_COMMANDS } from "./pubsub.ts";
import { SCAN_COMMANDS } from "./scan.ts";

export const SESSION_COMMANDS: readonly SessionCommand[] = [
  ...BASIC_COMMANDS,
  ...HELLO_COMMANDS,
  CLIENT,
  CLUSTER,
  COMMAND_COMMAND,
  CONFIG,
  INFO,
  ...KEYSPACE_COMMANDS,
  ...SCAN_COMMANDS,
  ...DIAGNOSTIC_COMMANDS,
  MEMORY,
  KVORUM,
  ...PUBSUB_COMMANDS,
];

/** All planted bugs. */
import type { PlantedBug } from "./bug.ts";
import { CLIENT_BUGS } from "./bugs/client.ts";
import { DATA_BUGS } from "./bugs/data.ts";
import { DOOR_BUGS } from "./bugs/doors.ts";
import { ELECTION_BUGS } from "./bugs/elections.ts";
import { MEMBERSHIP_BUGS } from "./bugs/membership.ts";
import { MERGING_BUGS } from "./bugs/merging.ts";
import { NODE_BUGS } from "./bugs/node.ts";
import { REPLICATION_BUGS } from "./bugs/replication.ts";
import { STORAGE_BUGS } from "./bugs/storage.ts";

export const PLANTED_BUGS: readonly PlantedBug[] = [
  ...ELECTION_BUGS,
  ...REPLICATION_BUGS,
  ...STORAGE_BUGS,
  ...NODE_BUGS,
  ...DATA_BUGS,
  ...DOOR_BUGS,
  ...CLIENT_BUGS,
  ...MEMBERSHIP_BUGS,
  ...MERGING_BUGS,
];

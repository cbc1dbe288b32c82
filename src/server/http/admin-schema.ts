/** What POST /v1/admin accepts. The node decides whether a request makes sense; this only keeps malformed ones out. */
import { z } from "zod";
import { groupId } from "../../core/ids.ts";
import { CONFLICTS, PLACEMENTS, REPLICATIONS } from "../../node/api.ts";
import { ROLES } from "../../node/catalog/users.ts";
import type { AdminInput } from "../security/administer.ts";
import { MAX_PASSWORD_BYTES, MIN_PASSWORD_LENGTH } from "../security/password.ts";
import { issuesOf } from "./problems.ts";

const name = z.string().min(1).max(128);
const count = z.int().min(1);
const someLimits = z.strictObject({
  maxKeyBytes: count.exactOptional(),
  maxValueBytes: count.exactOptional(),
});

export const adminSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("keyspace-create"),
    spec: z.strictObject({
      name,
      replication: z.enum(REPLICATIONS).exactOptional(),
      replicas: count.exactOptional(),
      shards: count.exactOptional(),
      limits: someLimits.exactOptional(),
      quorum: z
        .strictObject({
          r: count.exactOptional(),
          w: count.exactOptional(),
          sloppy: z.boolean().exactOptional(),
        })
        .nullable()
        .exactOptional(),
      conflicts: z.enum(CONFLICTS).nullable().exactOptional(),
      placement: z.enum(PLACEMENTS).exactOptional(),
    }),
  }),
  z.strictObject({ type: z.literal("keyspace-alter"), name, limits: someLimits }),
  z.strictObject({ type: z.literal("keyspace-drop"), name }),
  z.strictObject({ type: z.literal("keyspace-spread"), name }),
  z.strictObject({ type: z.literal("node-remove"), node: name }),
  z.strictObject({
    type: z.literal("transfer-leader"),
    group: z.int().min(0).max(0xffff_ffff).transform(groupId),
    to: name,
  }),
  z.strictObject({
    type: z.literal("user-put"),
    name,
    password: z.string().min(MIN_PASSWORD_LENGTH).max(MAX_PASSWORD_BYTES).exactOptional(),
    grants: z.array(z.strictObject({ keyspace: name, role: z.enum(ROLES) })).exactOptional(),
  }),
  z.strictObject({ type: z.literal("user-delete"), name }),
]) satisfies z.ZodType<AdminInput>;

/** The request, or one sentence that names every field that is wrong. */
export function parseAdminRequest(body: unknown): AdminInput | { readonly problem: string } {
  const result = adminSchema.safeParse(body);
  if (result.success) return result.data;
  return { problem: issuesOf(result.error, "the body") };
}

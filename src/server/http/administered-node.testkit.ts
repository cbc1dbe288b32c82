/** A node in memory whose users can be changed, as the catalog would change them. */
import type { AdminRequest, AdminResult } from "../../node/api.ts";
import { EMPTY_CATALOG } from "../../node/catalog/state.ts";
import { deleteUser, setUser } from "../../node/catalog/users.ts";
import { FakeNode } from "../resp/fake-node.testkit.ts";

export class AdministeredNode extends FakeNode {
  readonly requests: AdminRequest[] = [];

  override admin(request: AdminRequest, done: (result: AdminResult) => void): void {
    this.requests.push(request);
    const catalog = { ...EMPTY_CATALOG, version: this.requests.length, users: this.userList };
    if (request.type !== "user-set" && request.type !== "user-delete") {
      done({ ok: true, detail: "done" });
      return;
    }
    const change =
      request.type === "user-set" ? setUser(catalog, request) : deleteUser(catalog, request.name);
    if ("users" in change) this.userList = change.users;
    done("users" in change ? { ok: true, detail: change.detail } : { ok: false, ...change });
  }
}

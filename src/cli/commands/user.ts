/** `kvorum user`: who may log in, and what they may do. */
import type { Command } from "commander";
import { describeGrants, type Grant, type Role, ROLES } from "../../node/catalog/users.ts";
import type { UserPut } from "../../server/security/administer.ts";
import { newSecret, tokenOf } from "../../server/security/token.ts";
import type { CliContext } from "../context.ts";
import { CliError, usage } from "../failure.ts";
import { addHelp, command, URL_OPTION } from "../help.ts";
import { administer, type ListedUser, listUsers, nodeUrls, reachNode } from "../http-client.ts";
import { newPassword } from "../login.ts";
import { table } from "../text/table.ts";

interface UrlFlag {
  readonly url?: string;
}

interface GrantFlags extends UrlFlag {
  readonly grant?: readonly string[];
  readonly admin?: true;
}

interface PasswordFlags extends UrlFlag {
  readonly newPasswordFile?: string;
}

const NEW_PASSWORD: [string, string] = [
  "--new-password-file <file>",
  "file that holds the new user's password (default: asked for, or the first line of standard input)",
];
const GRANT = "--grant <role:keyspace>";
const GRANT_HELP =
  "read, write or admin in a keyspace, or in all that match: write:carts, read:shop-*, read:*";
const ADMIN_HELP = "administrator of the cluster: admin in every keyspace";
const EVERYTHING: Grant = { keyspace: "*", role: "admin" };

export function defineUser(user: Command, context: CliContext): void {
  addHelp(
    user,
    [
      ["kvorum user add root --admin", "the first user; from then on everybody has to log in"],
      ["kvorum user add ada --grant write:carts --user root", ""],
      ["kvorum user token front-end --grant read:* --user root", "for programs that speak HTTP"],
    ],
    "Passwords are asked for, or read from files and standard input; they never stand on the command line.",
  );
  addMaking(user, context);
  addRoles(user, context);
  addRest(user, context);
}

function addMaking(user: Command, context: CliContext): void {
  const add = withGrants(command(user, "add <name>"))
    .description("Add a user with a password. The first one has to be an administrator.")
    .option(...NEW_PASSWORD)
    .option(...URL_OPTION)
    .action(async (name: string, flags: GrantFlags & PasswordFlags) => {
      const grants = grantsOf(flags);
      const url = await urlWithout(name, flags, context);
      await send(context, url, {
        name,
        grants,
        password: await newPassword(name, flags.newPasswordFile, context),
      });
    });
  addHelp(add, [["kvorum user add ada --grant write:carts --grant read:* --user root", ""]]);

  const token = withGrants(command(user, "token <name>"))
    .description("Add a user whose password is a token, and print that: it is shown this once.")
    .option(...URL_OPTION)
    .action(async (name: string, flags: GrantFlags) => {
      const grants = grantsOf(flags);
      const secret = newSecret();
      await administer(await urlWithout(name, flags, context), {
        type: "user-put",
        name,
        grants,
        password: secret,
      });
      context.stdout.write(`${tokenOf(name, secret)}\n`);
    });
  addHelp(
    token,
    [["kvorum user token front-end --grant read:* --user root > token", ""]],
    "Authorization: Bearer TOKEN",
  );

  const password = command(user, "password <name>")
    .description("Give a user another password. Who came in with the old one has to log in again.")
    .option(...NEW_PASSWORD)
    .option(...URL_OPTION)
    .action(async (name: string, flags: PasswordFlags) => {
      const { url } = await find(name, flags, context);
      await send(context, url, { name, password: await newPassword(name, flags.newPasswordFile, context) });
    });
  addHelp(password, [["kvorum user password ada --user root", ""]]);
}

function addRoles(user: Command, context: CliContext): void {
  const grant = command(user, "grant <name> <role> <keyspace>")
    .description("Give a user a role in a keyspace, or in all that match a pattern.")
    .option(...URL_OPTION)
    .action(async (name: string, role: string, keyspace: string, flags: UrlFlag) => {
      const wanted = parseGrant(`${role}:${keyspace}`);
      const { url, grants } = await find(name, flags, context);
      const others = grants.filter((grant) => grant.keyspace !== keyspace);
      await send(context, url, { name, grants: [...others, wanted] });
    });
  addHelp(grant, [["kvorum user grant ada read 'shop-*' --user root", ""]]);

  const revoke = command(user, "revoke <name> <keyspace>")
    .description("Take away what a user was granted in a keyspace, as `kvorum user list` shows it.")
    .option(...URL_OPTION)
    .action(async (name: string, keyspace: string, flags: UrlFlag) => {
      const { url, grants } = await find(name, flags, context);
      const left = grants.filter((grant) => grant.keyspace !== keyspace);
      if (left.length === grants.length) {
        throw new CliError(
          `${name} was granted nothing in ${keyspace}`,
          `What there is: ${describeGrants(grants)}.`,
        );
      }
      await send(context, url, { name, grants: left });
    });
  addHelp(revoke, [["kvorum user revoke ada carts --user root", ""]]);
}

function addRest(user: Command, context: CliContext): void {
  const list = command(user, "list")
    .description("List all users and what they may do.")
    .option("--json", "print JSON")
    .option(...URL_OPTION)
    .action(async (flags: UrlFlag & { json?: true }) => {
      const { url } = await reachNode(nodeUrls(flags.url, context.env));
      const users = await listUsers(url);
      if (flags.json === true) context.stdout.write(`${JSON.stringify(users, null, 2)}\n`);
      else if (users.length === 0) context.stdout.write("There are no users: nobody has to log in.\n");
      else context.stdout.write(listText(users, context));
    });
  addHelp(list, [["kvorum user list --user root", ""]]);

  const remove = command(user, "delete <name>")
    .description("Delete a user. Connections and tokens of theirs end at once.")
    .option(...URL_OPTION)
    .action(async (name: string, flags: UrlFlag) => {
      const { url } = await reachNode(nodeUrls(flags.url, context.env));
      const detail = await administer(url, { type: "user-delete", name });
      context.stdout.write(`${context.style.green("ok")}  ${detail}\n`);
    });
  addHelp(remove, [["kvorum user delete ada --user root", ""]]);
}

function withGrants(target: Command): Command {
  return target
    .option(GRANT, GRANT_HELP, (text: string, before: string[] | undefined) => [...(before ?? []), text])
    .option("--admin", ADMIN_HELP);
}

function grantsOf(flags: GrantFlags): readonly Grant[] {
  const given = (flags.grant ?? []).map(parseGrant);
  return flags.admin === true ? [EVERYTHING, ...given] : given;
}

function parseGrant(text: string): Grant {
  const [, role, keyspace] = /^([a-z]+):([^:,\s]+)$/.exec(text) ?? [];
  if (isRole(role) && keyspace !== undefined) return { keyspace, role };
  throw usage(`"${text}" is not a grant`, `Write a role (${ROLES.join(", ")}) and a keyspace: write:carts.`);
}

const isRole = (text: string | undefined): text is Role => (ROLES as readonly string[]).includes(text ?? "");

/** `add` makes new users only: a slip must not change somebody's password. */
async function urlWithout(name: string, flags: UrlFlag, context: CliContext): Promise<string> {
  const { url } = await reachNode(nodeUrls(flags.url, context.env));
  const users = await listUsers(url);
  if (!users.some((user) => user.name === name)) return url;
  throw new CliError(
    `there is a user ${name} already`,
    "Change it with: kvorum user password, grant, revoke; or delete it first.",
  );
}

async function find(
  name: string,
  flags: UrlFlag,
  context: CliContext,
): Promise<ListedUser & { readonly url: string }> {
  const { url } = await reachNode(nodeUrls(flags.url, context.env));
  const found = (await listUsers(url)).find((user) => user.name === name);
  if (found !== undefined) return { url, ...found };
  throw new CliError(`there is no user ${name}`, "List them with: kvorum user list");
}

async function send(context: CliContext, url: string, change: Omit<UserPut, "type">): Promise<void> {
  const detail = await administer(url, { type: "user-put", ...change });
  context.stdout.write(`${context.style.green("ok")}  ${detail}\n`);
}

function listText(users: readonly ListedUser[], context: CliContext): string {
  const rows = users.map(({ name, grants }) => [context.style.bold(name), describeGrants(grants)]);
  return table([{ title: "USER" }, { title: "MAY" }], rows, context.style);
}

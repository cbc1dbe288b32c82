/** `docs/ERRORS.md`, from the table. */
import { ERRORS } from "./errors.ts";

const INTRODUCTION = `# Errors

<!-- Written by \`npm run errors\` from src/core/errors.ts. -->

Every error that a caller can meet has a code, and says whether it is **definite**:

- **Definite**: the operation did not happen and never will. It is safe to do it again, or to tell the user that it failed.
- **Indefinite**: it may have happened, or may still happen. Only a read, or a repetition under the same session or idempotency key, can
  tell. Kvorum never reports such an outcome as a failure, and neither should an application.

The typed client throws them as \`KvorumError\` (\`code\`, \`message\`, \`definite\`, \`hint\`). The HTTP API answers
\`{ "error": { "code", "message", "hint", "definite" } }\`. On the RESP door the reply begins with the code in upper case (\`NOTLEADER …\`;
where Redis has a word for the same thing, with that one), and says in words whether it was done. What a command itself refuses (a
wrong type, a malformed number) has the words of Redis on the RESP door, and the codes \`wrong-type\`, \`too-large\` and \`bad-request\`
elsewhere; that is always definite.
`;

export function errorPage(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { definite, sentence, hint }]) =>
      `| <a id="${code}"></a>\`${code}\` | ${definite ? "yes" : "**no**"} | ${sentence} | ${hint} |`,
  );
  return [
    INTRODUCTION,
    "| code | definite | what it says | what to do |",
    "|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

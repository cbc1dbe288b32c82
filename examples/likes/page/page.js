/** The like button in the browser. Everything that users typed reaches the page as text, never as markup. */
const PAGE = "home";
const ATTEMPTS = 10;
const PATIENCE_MS = 8000;
const EVERY_THIRD = 0.33;
const LOG_LINES = 12;

const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

const EVERY_SECOND_MS = 1000;
const READ_PATIENCE_MS = 1500;
const PROMISES = {
  raft: "Replicated by raft: a majority of the nodes decides, so there is one truth, and none to be had on the smaller side of a cut.",
  gossip:
    "Replicated by gossip: every node takes likes, so both sides of a cut go on, differ, and agree again once it is over.",
};

const around = await (await fetch("/api/front-ends")).json();
const { frontEnds, replication } = around;
let { cutOff } = around;
const own = frontEnds.indexOf(location.origin);
let next = own;

$("user").value = localStorage.getItem("user") ?? `guest ${Math.floor(1000 + Math.random() * 9000)}`;
$("user").addEventListener("change", () => {
  localStorage.setItem("user", $("user").value);
  void refresh();
});
$("like").addEventListener("click", () => click("likes", me()));
$("back").addEventListener("click", () => click("taken-back", me()));
$("twice").addEventListener("click", () => Promise.all([click("likes", me()), click("likes", me())]));
$("crowd").addEventListener("click", () => {
  const crowd = Array.from({ length: 25 }, () => `guest ${Math.floor(1000 + Math.random() * 9000)}`);
  return Promise.all(crowd.map((user) => click("likes", user)));
});
$("reset").addEventListener("click", () => fetch(`/api/pages/${PAGE}`, { method: "DELETE" }).then(refresh));
for (const id of ["lose-cluster", "lose-browser"]) $(id).addEventListener("change", setFaults);
$("cut-off").addEventListener("change", setCutOff);

const events = new EventSource(`/api/pages/${PAGE}/events`);
events.addEventListener("message", ({ data }) => show(JSON.parse(data)));
$("cutting").hidden = cutOff === null;
$("replication").textContent = PROMISES[replication];
if (replication === "gossip")
  $("counted-about").textContent =
    "Not to be had: keyspaces that merge take no idempotency key, and the client’s types say so.";
await refresh();
void lookAround();

function me() {
  return $("user").value.trim();
}

/**
 * One click has one id, however often it has to be sent. It is repeated at the next front end until there is an answer: only
 * whoever made the click can know that it is the same.
 */
async function click(what, user) {
  const id = crypto.randomUUID();
  const line = logLine(what, user, id);
  const first = next;
  next = (next + 1) % frontEnds.length;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const there = reachable();
    const at = there[(first + attempt) % there.length];
    const name = `front end ${at + 1}`;
    try {
      const response = await fetch(`${frontEnds[at]}/api/pages/${PAGE}/${what}`, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": id },
        body: JSON.stringify({ user }),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      if (response.ok) {
        note(line, "done", `${name}: done`);
        return refresh();
      }
      const { error } = await response.json();
      note(line, "lost", `${name}: ${error.message}`);
      if (response.status < 500 || (error.definite && there.length === 1)) return;
    } catch {
      // Lost on the way there or on the way back: nobody here can tell, so it is sent again.
      note(line, "lost", `${name}: no answer`);
    }
    await sleep(100 * 2 ** Math.min(attempt, 5) * Math.random());
  }
  note(line, "lost", "given up");
}

/** Which front ends are on this side of a cut. */
function reachable() {
  const all = frontEnds.map((_, at) => at);
  if (isCutOff(own)) return [own];
  return all.filter((at) => !isCutOff(at));
}

function isCutOff(at) {
  return cutOff?.includes(at + 1) ?? false;
}

async function setCutOff() {
  const body = JSON.stringify({ cutOff: $("cut-off").checked });
  await fetch("/api/cut-off", { method: "PUT", headers: { "content-type": "application/json" }, body });
}

/** A browser that sees through every cut, so that both sides stand beside each other. */
async function lookAround() {
  for (;;) {
    ({ cutOff } = await (await fetch("/api/front-ends")).json());
    $("cut-off").checked = isCutOff(own);
    const seen = await Promise.all(frontEnds.map(usersAt));
    $("sides").replaceChildren(...seen.map(sideOf));
    await sleep(EVERY_SECOND_MS);
  }
}

async function usersAt(frontEnd) {
  try {
    const response = await fetch(`${frontEnd}/api/pages/${PAGE}`, {
      signal: AbortSignal.timeout(READ_PATIENCE_MS),
    });
    return response.ok ? (await response.json()).counts.users : null;
  } catch {
    // No answer in time.
    return null;
  }
}

function sideOf(users, at) {
  const side = document.createElement("li");
  const name = document.createElement("span");
  name.textContent = `front end ${at + 1}${at === own ? " (this one)" : ""}`;
  const count = document.createElement("strong");
  count.textContent = users === null ? "?" : number.format(users);
  const state = document.createElement("span");
  const words = [isCutOff(at) ? "cut off" : "connected", ...(users === null ? ["cannot tell"] : [])];
  state.textContent = words.join(", ");
  side.className = users === null ? "mute" : isCutOff(at) ? "cut" : "";
  side.append(name, count, state);
  return side;
}

async function setFaults() {
  const faults = {
    cluster: $("lose-cluster").checked ? EVERY_THIRD : 0,
    browser: $("lose-browser").checked ? EVERY_THIRD : 0,
  };
  await Promise.all(
    frontEnds.map((frontEnd) =>
      fetch(`${frontEnd}/api/faults`, {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(faults),
      }),
    ),
  );
}

async function refresh() {
  const response = await fetch(`/api/pages/${PAGE}?${new URLSearchParams({ user: me() })}`);
  if (!response.ok) return;
  const { counts, liked, faults } = await response.json();
  $("like").setAttribute("aria-pressed", String(liked));
  $("lose-cluster").checked = faults.cluster > 0;
  $("lose-browser").checked = faults.browser > 0;
  show(counts);
}

function show({ repeated, counted, users, clicks }) {
  for (const [id, count] of Object.entries({ repeated, counted, users, clicks }))
    $(id).textContent = count === null ? "–" : number.format(count);
  judge("repeated", repeated - clicks);
  if (counted !== null) judge("counted", counted - clicks);
  $("users-verdict").dataset.right = "true";
  $("users-verdict").textContent = clicks === 0 ? "" : "each user once";
  if (clicks === 0) for (const id of ["repeated", "counted"]) $(`${id}-verdict`).textContent = "";
}

function judge(id, difference) {
  const verdict = $(`${id}-verdict`);
  verdict.dataset.right = String(difference === 0);
  verdict.textContent =
    difference === 0
      ? "each click once"
      : `${number.format(Math.abs(difference))} too ${difference > 0 ? "many" : "few"}`;
}

function logLine(what, user, id) {
  const line = document.createElement("li");
  const title = document.createElement("span");
  title.textContent = `${user} ${what === "likes" ? "likes" : "takes it back"}`;
  const key = document.createElement("code");
  key.textContent = id.slice(0, 8);
  line.append(title, key);
  document.querySelector("#log .empty")?.remove();
  $("log").prepend(line);
  while ($("log").children.length > LOG_LINES) $("log").lastElementChild.remove();
  return line;
}

function note(line, kind, text) {
  const part = document.createElement("span");
  part.className = kind;
  part.textContent = text;
  line.append(part);
}

/** The like button in the browser. Everything that users typed reaches the page as text, never as markup. */
const PAGE = "home";
const ATTEMPTS = 10;
const PATIENCE_MS = 8000;
const EVERY_THIRD = 0.33;
const LOG_LINES = 12;

const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

const { frontEnds } = await (await fetch("/api/front-ends")).json();
let next = frontEnds.indexOf(location.origin);

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

const events = new EventSource(`/api/pages/${PAGE}/events`);
events.addEventListener("message", ({ data }) => show(JSON.parse(data)));
await refresh();

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
    const at = (first + attempt) % frontEnds.length;
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
      if (response.status < 500) return;
    } catch {
      // Lost on the way there or on the way back: nobody here can tell, so it is sent again.
      note(line, "lost", `${name}: no answer`);
    }
    await sleep(100 * 2 ** Math.min(attempt, 5) * Math.random());
  }
  note(line, "lost", "given up");
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
    $(id).textContent = number.format(count);
  judge("repeated", repeated - clicks);
  judge("counted", counted - clicks);
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

/** The microblog in the browser: four views, chosen by the part of the address behind the #. */
import { ApiError, ask } from "./api.js";
import { el, linkTo } from "./dom.js";

const MAX_TEXT = 280;
const $ = (id) => document.getElementById(id);
const person = (name) => `/people/${encodeURIComponent(name)}`;
const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;

let me = localStorage.getItem("name");
let events = null;
/** Grows with every view: an answer for an earlier one is dropped. */
let view = 0;

addEventListener("hashchange", show);
await show();

async function show() {
  const mine = ++view;
  $("notice").textContent = "";
  showMe();
  listen();
  const hash = decodeURIComponent(location.hash);
  const content = await contentFor(hash).catch(sorry);
  if (mine === view) $("main").replaceChildren(...content);
}

/** What is shown where there is nothing to show. */
function sorry(error) {
  if (!(error instanceof ApiError)) throw error;
  return [el("h1", {}, "Sorry"), el("p", { class: "soft" }, error.message)];
}

async function contentFor(hash) {
  const name = /^#\/@(.+)$/.exec(hash)?.[1];
  if (name !== undefined) return profile(name);
  if (hash === "#/people") return people();
  return me === null ? entrance() : timeline();
}

function tell(error) {
  if (!(error instanceof ApiError)) throw error;
  $("notice").textContent = error.message;
}

/** Runs what a button is for, and says what went wrong. */
async function doing(button, work) {
  button.disabled = true;
  $("notice").textContent = "";
  try {
    await work();
  } catch (error) {
    tell(error);
  } finally {
    button.disabled = false;
  }
}

// Who is here ----------------------------------------------------------------------------------------------------------

function showMe() {
  const leave = el("button", { class: "quiet", onclick: () => become(null) }, "Leave");
  $("me").replaceChildren(...(me === null ? [] : [linkTo(me), leave]));
}

async function become(name) {
  me = name;
  if (name === null) localStorage.removeItem("name");
  else localStorage.setItem("name", name);
  location.hash = "#/";
  await show();
}

function entrance() {
  const input = el("input", {
    id: "name",
    maxlength: "20",
    autocomplete: "username",
    autocapitalize: "none",
    spellcheck: "false",
  });
  const button = el("button", { class: "main" }, "Enter");
  const enter = (event) => {
    event.preventDefault();
    const name = input.value.trim().toLowerCase();
    return doing(button, async () => {
      await ask("PUT", person(name));
      await become(name);
    });
  };
  return [
    el("h1", {}, "Who are you?"),
    el(
      "p",
      { class: "soft" },
      "A name is enough: this is an example, and anybody can be anybody. A new name makes a new account.",
    ),
    el(
      "form",
      { class: "card row", onsubmit: enter },
      el("label", { for: "name", class: "hidden" }, "Name"),
      input,
      button,
    ),
  ];
}

// Posts ----------------------------------------------------------------------------------------------------------------

async function timeline() {
  const path = `${person(me)}/timeline`;
  const first = await ask("GET", path);
  return [
    el("h1", { class: "hidden" }, "Timeline"),
    compose(),
    el("p", { id: "news" }),
    ...list(first, path, "Nothing here yet. Write something, or follow somebody you find under People."),
  ];
}

function compose() {
  const left = el("span", { class: "soft", "aria-live": "polite" }, String(MAX_TEXT));
  const button = el("button", { class: "main", disabled: "" }, "Post");
  const text = el("textarea", {
    id: "text",
    rows: "3",
    placeholder: "What is going on?",
    oninput: () => {
      const length = [...text.value.trim()].length;
      left.textContent = String(MAX_TEXT - length);
      left.classList.toggle("wrong", length > MAX_TEXT);
      button.disabled = length === 0 || length > MAX_TEXT;
    },
  });
  const post = (event) => {
    event.preventDefault();
    return doing(button, async () => {
      await ask("POST", `${person(me)}/posts`, { text: text.value });
      await show();
    });
  };
  return el(
    "form",
    { class: "card", onsubmit: post },
    el("label", { for: "text", class: "hidden" }, "New post"),
    text,
    el("div", { class: "row end" }, left, button),
  );
}

/** A page of posts, and a button for the next one. */
function list(page, path, ifEmpty) {
  if (page.posts.length === 0) return [el("p", { class: "soft" }, ifEmpty)];
  const posts = el("ol", { class: "posts" }, ...page.posts.map(postItem));
  const more = el("button", {}, "Older posts");
  let { next } = page;
  more.hidden = next === undefined;
  more.addEventListener("click", () =>
    doing(more, async () => {
      const older = await ask("GET", `${path}?${new URLSearchParams({ from: next })}`);
      posts.append(...older.posts.map(postItem));
      ({ next } = older);
      more.hidden = next === undefined;
    }),
  );
  return [posts, more];
}

function postItem({ author, at, text }) {
  const time = new Date(at);
  const when = time.toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
  return el(
    "li",
    { class: "card" },
    el(
      "p",
      { class: "row" },
      linkTo(author),
      el("time", { datetime: time.toISOString(), class: "soft" }, when),
    ),
    el("p", { class: "text" }, text),
  );
}

// People ---------------------------------------------------------------------------------------------------------------

async function people() {
  const items = el("ul", { class: "card names" });
  const more = el("button", {}, "More people");
  const following = new Set(me === null ? [] : (await ask("GET", person(me))).following);
  let next;
  const load = async () => {
    const query = next === undefined ? "" : `?${new URLSearchParams({ from: next })}`;
    const page = await ask("GET", `/people${query}`);
    items.append(...page.names.map(personItem));
    ({ next } = page);
    more.hidden = next === undefined;
  };
  const personItem = (name) =>
    el(
      "li",
      { class: "row" },
      linkTo(name),
      name !== me && me !== null && followButton(name, following.has(name)),
    );
  more.addEventListener("click", () => doing(more, load));
  await load();
  return [el("h1", {}, "People"), items, more];
}

async function profile(name) {
  const path = `${person(name)}/posts`;
  const [{ joined, posts, following, followers }, page] = await Promise.all([
    ask("GET", person(name)),
    ask("GET", path),
  ]);
  const since = new Date(joined).toLocaleDateString("en", { dateStyle: "long" });
  return [
    el(
      "div",
      { class: "row" },
      el("h1", {}, `@${name}`),
      me !== null && me !== name && followButton(name, followers.includes(me)),
    ),
    el("p", { class: "soft" }, `${plural(posts, "post", "posts")}, here since ${since}`),
    el(
      "div",
      { class: "sides" },
      names(`Following · ${following.length}`, following, "Nobody yet."),
      names(`Followers · ${followers.length}`, followers, "Nobody yet."),
    ),
    ...list(page, path, `@${name} has not written anything yet.`),
  ];
}

function names(title, all, ifNone) {
  const content =
    all.length === 0
      ? el("p", { class: "soft" }, ifNone)
      : el("ul", { class: "chips" }, ...all.map((name) => el("li", {}, linkTo(name))));
  return el("section", { class: "card" }, el("h2", {}, title), content);
}

function followButton(name, isFollowing) {
  const button = el(
    "button",
    {
      onclick: () =>
        doing(button, async () => {
          await ask(isFollowing ? "DELETE" : "PUT", `${person(me)}/following/${encodeURIComponent(name)}`);
          await show();
        }),
    },
    isFollowing ? "Unfollow" : "Follow",
  );
  return button;
}

// News -----------------------------------------------------------------------------------------------------------------

/** The server says when something may be new; only the timeline asks for it by itself, where nobody is writing or reading on. */
function listen() {
  if (events?.name === me) return;
  events?.source.close();
  events = null;
  if (me === null) return;
  const source = new EventSource(`/api${person(me)}/events`);
  events = { name: me, source };
  let first = true;
  source.addEventListener("message", () => {
    if (!first) onNews();
    first = false;
  });
}

function onNews() {
  const isWriting = ($("text")?.value ?? "") !== "" || document.querySelectorAll(".posts > li").length > 20;
  if (!isWriting) return show();
  $("news")?.replaceChildren(el("button", { onclick: show }, "There is something new"));
}

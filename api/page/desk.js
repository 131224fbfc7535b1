// The desk of curators, auditors and administrators: one dialog, whose views are loaded as they are chosen.

import { make } from "./client.js";
import { addTexts, t } from "./texts.js";

await addTexts("desk");

const HASH = /^#desk=([a-z]+)$/;
const curator = (me) => me.admin || me.roles.includes("curator");
const auditor = (me) => me.admin || me.roles.includes("auditor");
const admin = (me) => me.admin;

// Each view: who may see it, and what loads it. A module exports `show(room, desk)`; what it returns is called as the
// view is left.
const VIEWS = {
  sources: [curator, () => import("./desk-sources.js")],
  failures: [curator, () => import("./desk-failures.js")],
  documents: [curator, () => import("./desk-documents.js")],
  keys: [admin, () => import("./desk-keys.js")],
  roles: [admin, () => import("./desk-roles.js")],
  limits: [admin, () => import("./desk-limits.js")],
  usage: [auditor, () => import("./desk-usage.js")],
  audit: [auditor, () => import("./desk-audit.js")],
  health: [admin, () => import("./desk-health.js")],
};

const title = make("h2", { id: "desk-title", tabIndex: -1 }, t("desk.title"));
const close = make("button", { type: "button", className: "quiet", ariaLabel: t("desk.close") }, t("page.close"));
const nav = make("nav", { className: "desk-nav", ariaLabel: t("desk.views") });
const room = make("div", { className: "entries", tabIndex: 0, role: "region", ariaLabel: t("desk.title") });
const said = make("p", { id: "desk-said", className: "place", role: "status" });
const dialog = make("dialog", { id: "desk", className: "reader desk" });
dialog.setAttribute("aria-labelledby", "desk-title");
dialog.append(make("div", { className: "top" }, title, close), nav, room, make("footer", {}, said));

let leave = null;
let styled = null;
let before = "";
let going = 0; // a view that comes late isn't shown

/** What views are given: who is here, and how to say something, or go to another view. */
const desk = {
  me: { roles: [], admin: false },
  say: (text) => {
    said.textContent = text;
  },
  go,
};

/** Show a view; `what` is for the view: the source or document that it begins with. */
async function go(name, what = null) {
  going += 1;
  const mine = going;
  leave?.();
  leave = null;
  desk.say("");
  for (const button of nav.children) button.toggleAttribute("aria-current", button.dataset.view === name);
  window.history.replaceState(null, "", `#desk=${name}`);
  room.ariaLabel = t(`views.${name}`);
  const heading = make("h3", { className: "desk-heading", tabIndex: -1 }, t(`views.${name}`));
  const fresh = make("div", { className: "view" });
  room.replaceChildren(heading, fresh);
  room.scrollTo(0, 0);
  try {
    const view = await VIEWS[name][1]();
    if (mine !== going) return;
    const end = await view.show(fresh, { ...desk, what });
    if (mine !== going) end?.();
    else leave = end ?? null;
  } catch (error) {
    if (mine === going) desk.say(error.message);
  }
}

async function open(name) {
  styled ??= style();
  await styled;
  before = HASH.test(location.hash) ? "" : location.hash;
  if (!dialog.open) dialog.showModal();
  title.focus();
  await go(name);
}

/** The desk's own style, once it is there. */
function style() {
  const link = make("link", { rel: "stylesheet", href: "/page/desk.css" });
  document.head.append(link);
  return new Promise((resolve) => {
    link.addEventListener("load", resolve);
    link.addEventListener("error", resolve);
  });
}

/** Offer the desk to who may see one of its views. */
export function offerDesk(me, opener) {
  desk.me = me;
  const mine = Object.keys(VIEWS).filter((name) => VIEWS[name][0](me));
  nav.replaceChildren(...mine.map((name) => {
    const button = make("button", { type: "button", className: "quiet" }, t(`views.${name}`));
    button.dataset.view = name;
    button.addEventListener("click", () => go(name));
    return button;
  }));
  opener.onclick = () => open(mine[0]);
  dialog.onclose = () => {
    going += 1;
    leave?.();
    leave = null;
    room.replaceChildren();
    window.history.replaceState(null, "", before || location.pathname);
    opener.focus();
  };
  const wanted = location.hash.match(HASH)?.[1];
  if (mine.includes(wanted) && !dialog.open) open(wanted);
}

document.body.append(dialog);
close.addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());

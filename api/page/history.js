// The reader's conversations: listed, searched, renamed, deleted, shared.

import { getJson, key, make, send, session, visible } from "./client.js";
import { day, t } from "./texts.js";

const $ = (id) => document.getElementById(id);
const dialog = $("history");
const PAGE = 50;
const WIDE = matchMedia("(min-width: 90rem)");
let shown = 0;
let asked = 0;

/** Whether the service keeps conversations of this reader. */
export async function keeps() {
  if (!key.get() && !session.csrf) return false;
  try {
    return (await getJson("/v1/conversations?limit=1")).kept;
  } catch {
    return false; // the next question says what is wrong
  }
}

async function load(from) {
  const mine = ++asked;
  const words = encodeURIComponent($("history-search").value.trim());
  try {
    const found = await getJson(`/v1/conversations?limit=${PAGE}&offset=${from}&q=${words}`);
    if (mine !== asked) return;
    if (!from) $("history-list").replaceChildren();
    $("history-list").append(...found.conversations.map(row));
    shown = from + PAGE;
    $("more-history").hidden = shown >= found.total;
    $("history-count").textContent = t("history.count", { n: found.total });
  } catch (error) {
    if (mine === asked) $("history-count").textContent = error.message;
  }
}

function row({ id, title, updated_at: at, shared }) {
  const name = visible(title);
  const open = make("button", { type: "button", className: "link" }, title);
  open.addEventListener("click", () => leadTo(id));
  const when = shared ? `${day(at)} · ${t("history.shared")}` : day(at);
  const rename = make("button", { type: "button", className: "link", ariaLabel: t("history.rename_one", { title: name }) }, t("history.rename"));
  const remove = make("button", { type: "button", className: "link", ariaLabel: t("history.delete_one", { title: name }) }, t("history.delete"));
  const item = make("li", {}, open, make("p", { className: "place" }, when), rename, remove);
  rename.addEventListener("click", () => offerName(item, id, title));
  remove.addEventListener("click", () => confirmDelete(remove, item, id));
  return item;
}

/** Open a conversation: the address leads to it, and so may be sent to whom it is shared with. */
function leadTo(id) {
  if (dialog.matches(":modal")) dialog.close();
  if (location.hash === `#conversation=${id}`) window.dispatchEvent(new HashChangeEvent("hashchange"));
  else location.hash = `conversation=${id}`;
}

function offerName(item, id, title) {
  const input = make("input", { value: title, maxLength: 200, ariaLabel: t("history.name") });
  const form = make("form", {}, input, make("button", { type: "submit", className: "link" }, t("history.save")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const renamed = row(await send("PATCH", `/v1/conversations/${id}`, { title: input.value }));
      item.replaceWith(renamed);
      renamed.querySelector("button").focus();
    } catch (error) {
      $("history-count").textContent = error.message;
    }
  });
  item.replaceChildren(form);
  input.focus();
}

/** The first press asks, the second deletes. */
async function confirmDelete(button, item, id) {
  if (!button.dataset.asked) {
    button.dataset.asked = "yes";
    button.textContent = t("history.confirm");
    return;
  }
  try {
    await send("DELETE", `/v1/conversations/${id}`);
    item.remove();
    $("history-count").textContent = t("history.deleted");
    $("history-title").focus();
    window.dispatchEvent(new CustomEvent("conversation-deleted", { detail: id }));
  } catch (error) {
    $("history-count").textContent = error.message;
  }
}

const named = (id) => $(id).value.split(",").map((name) => name.trim()).filter(Boolean);
let sharing = null;

/** Ask with whom to share a conversation. */
export async function openShare(id) {
  sharing = id;
  $("share-said").textContent = "";
  try {
    showShared((await getJson(`/v1/conversations/${id}`)).shared);
  } catch (error) {
    $("share-said").textContent = error.message;
  }
  $("share").showModal(); // nothing that is typed into it is overwritten
}

function showShared(shared) {
  $("share-everybody").checked = Boolean(shared?.everybody);
  $("share-users").value = shared?.users.join(", ") ?? "";
  $("share-groups").value = shared?.groups.join(", ") ?? "";
  $("unshare").hidden = !shared;
}

async function share(event) {
  event.preventDefault();
  const readers = { everybody: $("share-everybody").checked, users: named("share-users"), groups: named("share-groups") };
  await change("PUT", readers, t("share.said", { address: `${location.origin}/#conversation=${sharing}` }));
}

async function change(method, body, said) {
  try {
    showShared((await send(method, `/v1/conversations/${sharing}/share`, body)).shared);
    $("share-said").textContent = said;
  } catch (error) {
    $("share-said").textContent = error.message;
  }
}

/** Show the list: beside the page where there is room for both, over it elsewhere. */
function show() {
  if (WIDE.matches) dialog.show();
  else dialog.showModal();
  document.body.classList.toggle("beside", WIDE.matches);
  load(0);
}

/** The list as it is now, if it is open: a question was asked. */
export function refreshHistory() {
  if (dialog.open && !$("history-search").value) load(0);
}

$("open-history").addEventListener("click", () => {
  if (dialog.open) {
    dialog.close();
    return;
  }
  show();
  $("history-title").focus();
});
$("close-history").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => document.body.classList.remove("beside"));
dialog.addEventListener("keydown", (event) => event.key === "Escape" && dialog.close());
WIDE.addEventListener("change", () => dialog.open && dialog.close());
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
$("history-search").addEventListener("input", () => load(0));
$("more-history").addEventListener("click", () => load(shown));
$("share-form").addEventListener("submit", share);
$("unshare").addEventListener("click", () => change("DELETE", undefined, t("share.unshared")));
$("close-share").addEventListener("click", () => $("share").close());

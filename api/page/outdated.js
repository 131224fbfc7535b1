// For curators: the documents that readers say are outdated, beside those that failed.

import { getJson, make, send, visible } from "./client.js";

const $ = (id) => document.getElementById(id);

/** Show the list, where there is anything on it. */
export async function loadOutdated() {
  const { documents } = await getJson("/v1/outdated");
  $("outdated").hidden = !documents.length;
  $("outdated-list").replaceChildren(...documents.map(row));
}

function row({ document_id: id, title, external_id: name, readers, comments, changed }) {
  const button = make("button", { type: "button", className: "link" }, "Seen to");
  button.setAttribute("aria-label", `Take ${visible(title || name)} off the list`);
  const said = readers === 1 ? "1 reader says so." : `${readers} readers say so.`;
  const item = make(
    "li",
    {},
    make("p", { className: "title" }, title || name),
    make("p", { className: "place" }, `${name}. ${said}${changed ? " It has changed since." : ""}`),
    ...comments.map((comment) => make("p", {}, comment)),
    button,
  );
  button.addEventListener("click", async () => {
    try {
      await send("DELETE", `/v1/outdated/${id}`);
      item.remove();
      $("outdated").hidden = !$("outdated-list").children.length;
      $("failure-said").textContent = "It is off the list.";
      $("failures-title").focus();
    } catch (error) {
      $("failure-said").textContent = error.message;
    }
  });
  return item;
}

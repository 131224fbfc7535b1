// For curators: the documents that readers say are outdated, beside those that failed.

import { getJson, make, send, visible } from "./client.js";
import { t } from "./texts.js";

const $ = (id) => document.getElementById(id);

/** Show the list, where there is anything on it. */
export async function loadOutdated() {
  const { documents } = await getJson("/v1/outdated");
  $("outdated").hidden = !documents.length;
  $("outdated-list").replaceChildren(...documents.map(row));
}

function row({ document_id: id, title, external_id: name, readers, comments, changed }) {
  const button = make("button", { type: "button", className: "link" }, t("outdated.seen"));
  button.setAttribute("aria-label", t("outdated.seen_one", { name: visible(title || name) }));
  const said = [t("outdated.readers", { n: readers }), ...(changed ? [t("outdated.changed")] : [])].join(" ");
  const item = make(
    "li",
    {},
    make("p", { className: "title" }, title || name),
    make("p", { className: "place" }, `${name}. ${said}`),
    ...comments.map((comment) => make("p", {}, comment)),
    button,
  );
  button.addEventListener("click", async () => {
    try {
      await send("DELETE", `/v1/outdated/${id}`);
      item.remove();
      $("outdated").hidden = !$("outdated-list").children.length;
      $("failure-said").textContent = t("outdated.settled");
      $("failures-title").focus();
    } catch (error) {
      $("failure-said").textContent = error.message;
    }
  });
  return item;
}

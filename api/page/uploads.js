// The reader's own documents: uploaded, listed with what became of them, deleted. Nobody else finds them.

import { getJson, make, send, sendFile, visible } from "./client.js";
import { language, t, tOr } from "./texts.js";

const $ = (id) => document.getElementById(id);
const dialog = $("uploads");
const LOOK_AGAIN = 3000; // milliseconds
const SETTLED = ["indexed", "failed"];
let next = 0;

/** Whether readers upload here. */
export async function offered() {
  return getJson("/v1/uploads").then(() => true, ({ status }) => status !== 404);
}

/** Show the documents, and go on with that while one is on its way and the dialog is open. */
async function load() {
  clearTimeout(next);
  try {
    show(await getJson("/v1/uploads"));
  } catch (error) {
    $("upload-said").textContent = error.message;
  }
}

function show({ documents, max_documents: most, max_file_mb: largest }) {
  const had = document.activeElement?.dataset?.name;
  $("upload-limits").textContent = t("uploads.limits", { n: documents.length, most, largest });
  $("upload-list").replaceChildren(...documents.map(row));
  if (had) ([...$("upload-list").querySelectorAll("button")].find(({ dataset }) => dataset.name === had) ?? $("uploads-title")).focus();
  const moving = documents.some(({ state }) => !SETTLED.includes(state));
  if (moving && dialog.open) next = setTimeout(load, LOOK_AGAIN);
}

function row({ name, size, state, reason }) {
  const remove = make("button", { type: "button", className: "link" }, t("uploads.delete"));
  remove.setAttribute("aria-label", t("uploads.delete_one", { name: visible(name) }));
  remove.dataset.name = name;
  remove.addEventListener("click", () => act(() => send("DELETE", pathOf(name)), t("uploads.deleted")));
  const bytes = (size / 1e6).toLocaleString(language, { maximumSignificantDigits: 2 });
  const how = [t("uploads.size", { megabytes: bytes }), tOr(`state.${state}`, state)].join(" · ");
  const why = reason ? [make("p", {}, reason)] : [];
  return make("li", { dir: "auto" }, make("p", { className: "title" }, name), make("p", { className: "place" }, how), ...why, remove);
}

const pathOf = (name) => `/v1/uploads/${encodeURIComponent(name)}`;

async function act(what, said) {
  try {
    show(await what());
    $("upload-said").textContent = said;
  } catch (error) {
    $("upload-said").textContent = error.message;
  }
}

/** Send the chosen files, one after another. */
async function upload() {
  const files = [...$("upload-file").files];
  $("upload-file").value = "";
  for (const file of files) {
    $("upload-said").textContent = t("uploads.sending", { name: visible(file.name) });
    await act(() => sendFile(pathOf(file.name), file), t("uploads.sent", { name: visible(file.name) }));
  }
}

$("open-uploads").addEventListener("click", () => {
  dialog.showModal();
  $("upload-said").textContent = "";
  $("uploads-title").focus();
  load();
});
$("upload-file").addEventListener("change", upload);
$("close-uploads").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => clearTimeout(next));
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());

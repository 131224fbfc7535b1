// Who reads: a key for this tab, or signed in with the company's provider.

import { getJson, key, post, session, whoHas } from "./client.js";
import { t, tOr } from "./texts.js";

const $ = (id) => document.getElementById(id);
const NOBODY = { user: null, admin: false, roles: [] };

/** Whom the page reads as: what the service says of it, or nobody. */
export async function whoReads() {
  $("open-key").textContent = t(key.get() ? "key.set" : "key.open");
  try {
    const known = key.get() || (await offerSignIn());
    return known ? await getJson("/v1/me") : NOBODY;
  } catch {
    return NOBODY; // Whatever is wrong with the key or the service, the next question says it.
  }
}

/** Offer to sign in or out, where readers do that here; whether somebody is signed in. */
async function offerSignIn() {
  const { name, href } = await getJson("/auth");
  if (!name) return false;
  const me = await getJson("/v1/me").catch(() => ({ csrf: null }));
  session.csrf = me.csrf ?? "";
  const link = $("sign-in");
  link.href = href;
  link.textContent = t("sign.with", { name });
  link.hidden = Boolean(me.csrf);
  $("sign-out").hidden = !me.csrf;
  $("sign-out").title = me.user ?? "";
  return Boolean(me.csrf);
}

async function signOut() {
  const { location: next } = await post("/auth/logout");
  location.assign(next ?? "/");
}

/** Why a sign-in failed, if the address tells that one did: the service leads back here with it. */
export function failedSignIn() {
  const why = location.hash.match(/^#sign-in=([a-z_]+)$/)?.[1];
  if (!why) return "";
  window.history.replaceState(null, "", location.pathname);
  return tOr(`sign.${why}`, t("sign.failed"));
}

/** Take the key that was entered, once the service knows it; say what is wrong with it otherwise. */
async function useKey(event, forget) {
  event.preventDefault();
  const candidate = $("key").value.trim();
  $("use-key").disabled = true;
  try {
    if (candidate) await whoHas(candidate);
    key.set(candidate);
    forget(); // what one reader asked isn't sent under another's key
    $("key-dialog").close();
  } catch (error) {
    refuseKey(error.message);
    $("key").focus();
  } finally {
    $("use-key").disabled = false;
  }
}

function refuseKey(why) {
  $("key-error").textContent = why;
  $("key").setAttribute("aria-invalid", String(Boolean(why)));
}

/** Let readers enter keys. `forget` is called when the reader is another one, `closed` when the dialog is. */
export function setUpSigning(forget, closed) {
  const dialog = $("key-dialog");
  const input = $("key");
  $("open-key").addEventListener("click", () => {
    input.value = key.get();
    refuseKey("");
    $("forget-key").hidden = !key.get();
    dialog.showModal();
    input.focus();
  });
  $("key-form").addEventListener("submit", (event) => useKey(event, forget));
  $("cancel-key").addEventListener("click", () => dialog.close());
  $("forget-key").addEventListener("click", () => {
    key.set("");
    forget();
    dialog.close();
  });
  dialog.addEventListener("close", () => {
    input.value = "";
    closed();
  });
  $("sign-out").addEventListener("click", signOut);
}

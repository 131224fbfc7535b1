// What only some readers may see: each view is loaded once somebody may. Its `offered()`, if it has one, may say that it isn’t there.

const $ = (id) => document.getElementById(id);
const atDesk = (me) => ["admin", "curator", "auditor"].some((role) => me.roles.includes(role));
const reviewer = (me) => me.admin || me.roles.includes("reviewer");

// The button that opens a view, who is offered it, and what makes it work.
const VIEWS = [
  ["open-uploads", (me) => Boolean(me.user), () => import("./uploads.js")],
  ["open-reviews", reviewer, () => import("./reviews.js")],
  ["open-evaluation", reviewer, () => import("./evaluation.js")],
  ["open-desk", atDesk, async (me) => (await import("./desk.js")).offerDesk(me, $("open-desk"))],
];

/** Offer the views that this reader may see, and no other. */
export async function offerViews(me) {
  await Promise.all(
    VIEWS.map(async ([button, may, load]) => {
      const view = may(me) ? await load(me) : null;
      const there = may(me) && (!view?.offered || (await view.offered()));
      $(button).hidden = !there;
    }),
  );
}

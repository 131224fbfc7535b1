// What only some readers may see: each view is loaded once somebody may.

const $ = (id) => document.getElementById(id);
const atDesk = (me) => ["admin", "curator", "auditor"].some((role) => me.roles.includes(role));
const reviewer = (me) => me.admin || me.roles.includes("reviewer");

// The button that opens a view, who is offered it, and what makes it work.
const VIEWS = [
  ["open-reviews", reviewer, () => import("./reviews.js")],
  ["open-evaluation", reviewer, () => import("./evaluation.js")],
  ["open-desk", atDesk, async (me) => (await import("./desk.js")).offerDesk(me, $("open-desk"))],
];

/** Offer the views that this reader may see, and no other. */
export async function offerViews(me) {
  await Promise.all(
    VIEWS.map(async ([button, may, load]) => {
      if (may(me)) await load(me);
      $(button).hidden = !may(me);
    }),
  );
}

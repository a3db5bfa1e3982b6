// What stands out in an account: the reasons for which a customer lacks points, in the order in which one looks.
import { count, day } from "./page.js";

const problems = {
  past_due: "The last payment of the subscription failed. Stripe tries again; the customer can pay by another card.",
  unpaid: "Payments of the subscription are owed, so it grants nothing.",
  incomplete: "The first payment of the subscription is missing.",
  incomplete_expired: "The first payment of the subscription never came, so it ended.",
  canceled: "The subscription has ended. Its points ended with it.",
  paused: "The subscription is paused and grants nothing.",
};

// why returns sentences about an account, its orders and the latest moments of its story.
export function why(account, orders, { moments, top_up: topUp }) {
  const { points, subscription, deleted, disabled, parked } = account;
  const last = moments.find((m) => m.kind === "sync.ended");
  const open = orders.filter((o) => o.status === "pending" || o.status === "paid");
  return [
    deleted && `The account was deleted on ${day(deleted.requested_at)}. Nothing can be given to it.`,
    disabled && `An operator disabled the account on ${day(disabled.since)}: ${disabled.reason}.`,
    parked && `Its grants wait since ${day(parked.since)}: ${parked.reason}. Unpark it if that is right.`,
    points.debt > 0 && `It owes ${count(points.debt)} points: a refund took points that were spent. Grants pay first.`,
    points.held > 0 && `${count(points.held)} points are set aside by holds. Released holds give them back.`,
    ...open.map((o) => (o.status === "paid"
      ? `The order of ${o.quantity} × ${o.item} is paid, and its ${count(o.points)} points have not come.`
      : `The order of ${o.quantity} × ${o.item} waits for its payment, as far as is known here.`)),
    subscription && problems[subscription.status],
    topUp?.status === "needs_attention" && `The automatic top-up stopped: ${topUp.reason.replaceAll("_", " ")}.`,
    last?.text.includes("failed") && `The last look at Stripe did not succeed: ${last.text}.`,
    !account.customer_id && "Nothing was ever bought: Stripe knows no customer of this account.",
  ].filter(Boolean);
}

// differs returns a sentence about a difference from Stripe.
export const differs = ({ kind, ref, detail }) => `Stripe and the database differ (${kind}, ${ref}): ${detail}.`;

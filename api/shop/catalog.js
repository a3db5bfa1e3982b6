// What is for sale, as the API lists it.
import { client, result } from "./api.js";

export let catalog = { plans: [], packs: [], actions: [], actions_only: false };

export async function loadCatalog() {
  catalog = await result(client.GET("/catalog"));
}

export const planOf = (id) => catalog.plans.find((plan) => plan.id === id);
export const packOf = (id) => catalog.packs.find((pack) => pack.id === id);
const nameOf = (id) => planOf(id)?.name ?? (id || "A plan that is not for sale");

// seats names a plan, and how many seats of it where it is sold by the seat.
export function seats(id, quantity) {
  const counted = quantity > 1 || planOf(id)?.max_quantity > 1;
  return nameOf(id) + (counted ? ` (${quantity} ${quantity === 1 ? "seat" : "seats"})` : "");
}

// How a request to the API failed, for the shop and the admin console.
import { NoAnswer } from "./client.js";

// Failure is a response that is not a success (status, problem), or no response at all (status 0).
export class Failure extends Error {
  constructor(status, problem) {
    super(problem?.detail || (status ? `The server answered ${status}.` : "The server cannot be reached."));
    this.title = problem?.title ?? "";
    this.status = status;
    this.problem = problem;
  }
  // A change of the subscription that waits until the customer has paid at Stripe. Its key asks later how it stands.
  get unpaid() { return this.problem?.type === "/problems/payment-required" && Boolean(this.problem.payment_url); }
  // Without an answer, or with a fault of the server, the request may have had its effect.
  get undecided() { return this.status === 0 || this.status === 401 || this.status === 429 || this.status >= 500; }
}

// settled returns what a request of the client brought: {data, error, response}. It throws a Failure without a response.
export const settled = (request) => request.catch((failure) => {
  throw failure instanceof NoAnswer ? new Failure(0) : failure;
});

// Package sandbox is a local Stripe: a stateful server of the API at version 2023-10-16. It has Stripe's hosted payment
// page and billing portal, a control panel, signed webhook deliveries and one clock that you can move. It owns a world
// of customers, prices, subscriptions, invoices and payments. It behaves as Stripe documents and as Stripe was seen to
// behave.
//
// It refuses to know the backend that talks to it: everything goes over HTTP, and it imports nothing of the product.
//
// Its invariants:
//   - One mutex guards the world. Every operation and every piece of due work holds it from start to end. It is never
//     held while a webhook is being delivered.
//   - An operation validates before it changes anything, so a refused request (any 4xx except 402) leaves no trace.
//   - If Stripe sends an event for a change, so does the sandbox. Objects change through the functions change and emit,
//     which also add the object's next due work to the agenda. The agenda is not stored: a restart rebuilds it from the
//     objects.
//   - A preview runs the operation itself, in a copy of its customer's world that is discarded afterwards (preview.go).
//   - Due work happens in time order, at its own time, however far the clock jumps.
//   - An event shows its object as it was. It keeps a copy of the struct, which is encoded only when someone reads it.
//   - Because of previews and events, what an object refers to is replaced and never changed in place. That is a map,
//     an element of a list, or a struct behind a pointer.
//   - Responses contain only the keys of the official objects. The sandbox's private fields are under "_sandbox", which
//     no response shows.
//   - A script can do everything that the panel can. Each of the panel's buttons is a request to the API or to the
//     controls (panel_actions.go). Neither the panel nor the controls serve the page of another site (guard.go).
//   - Faults act before and after a request is executed (faults_api.go), and where a delivery is queued
//     (deliveries.go). No operation knows about them.
//
// A request goes through these files. dispatch.go authenticates it, checks its parameters against package spec and
// replays idempotent responses. routes.go names the operation. The file of the operation's noun carries it out.
// render.go and expand.go write the response.
package sandbox

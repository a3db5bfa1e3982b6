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
//   - Every change that Stripe announces is announced. Objects change through change and emit, which also put the
//     object's next due work on the agenda. The agenda is derived: a restart rebuilds it from the objects.
//   - A preview runs the operation itself, in a copy of its customer's world that is thrown away (preview.go). So what
//     an object refers to is never changed in place, but replaced.
//   - Due work happens in time order, at its own time, however far the clock jumps.
//   - An event shows its object as it was. It keeps a copy of the struct, which is encoded only when someone looks. So
//     what an object refers to (a map, a list's element, a struct behind a pointer) is replaced and never changed in
//     place.
//   - Responses contain only the keys of the official objects. The sandbox's private fields are under "_sandbox", which
//     no response shows.
//   - A script can do everything that the panel can: each of the panel's buttons is a request of the API or of the
//     controls (panel_actions.go). Neither panel nor controls serve another site's page (guard.go).
//   - Faults act on a request's way in and out (faults_api.go) and where a delivery is queued (deliveries.go). No
//     operation knows about them.
//
// A request takes this way: dispatch.go authenticates it, checks its parameters against spec and replays idempotent
// responses; routes.go names the operation; a file for each noun does it; render.go and expand.go write the response.
package sandbox

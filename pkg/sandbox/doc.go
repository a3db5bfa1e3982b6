// Package sandbox is a local Stripe: a stateful server of the API at version 2023-10-16, with its hosted payment
// page, billing portal, control panel, signed webhook deliveries and one clock that can be moved. It owns a world of
// customers, prices, subscriptions, invoices and payments, and behaves as Stripe documents and as was observed of it.
//
// It refuses to know the backend that talks to it: everything goes over HTTP, and nothing of the product is imported.
//
// Its invariants:
//   - One mutex guards the world; every operation and every piece of due work holds it from start to end, and it is
//     never held while a webhook is being delivered.
//   - An operation validates before it changes anything, so a refused request (4xx but 402) leaves no trace.
//   - Every change that Stripe announces is announced: objects change through change and emit, which also put their
//     next due work on the agenda. The agenda itself is derived: it is rebuilt from the objects at a restart.
//   - A preview is the operation itself, done in a copy of its customer's world that is thrown away (preview.go). What
//     hangs off an object is therefore never changed in place, but replaced.
//   - Due work happens in time order, at its own time, however far the clock jumps.
//   - An event is what its object was: it keeps a copy of the struct and is written out only when somebody looks. So what
//     hangs off an object (a map, a list's element, a struct behind a pointer) is replaced and never changed in place.
//   - Only keys of the official objects leave the house; what the sandbox keeps for itself lies under "_sandbox".
//   - Whatever the panel can do, a script can: each of its buttons is a request of the API or of the controls
//     (panel_actions.go). Neither panel nor controls serve another site's page (guard.go).
//   - Faults strike on the way in and out (faults_api.go) and where a delivery is queued (deliveries.go); no operation
//     knows of them.
//
// The way of a request: dispatch.go authenticates, checks parameters against spec and replays idempotent answers;
// routes.go names the operation; a file per noun does it; render.go and expand.go write the answer.
package sandbox

// Package metric owns the series that a process counts itself, and is the only package below api that knows Prometheus.
// A room that has something to count gets a *Metrics from the code that makes it, and calls a method that is named
// after what happened. It knows no name of a series and no label. A nil *Metrics counts nothing, so tests and commands
// need none.
//
// These always hold:
//   - A label has one of a closed set of values, which is written here. Any other value becomes "other". So no caller,
//     no customer and no response of Stripe's can make a new series.
//   - A counter exists from the start, with each of its values at 0, so its first increase is seen.
//   - No series names an account, an address, an email or an id.
//
// It refuses to know what the database can say: that is read at each scrape, by api. docs/operations/metrics.md lists
// all series.
package metric

import (
	"runtime"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Metrics counts what happens in one process. It may be used by many goroutines at once.
type Metrics struct {
	build                    prometheus.Collector
	received, applied, told  histogram
	syncs, stripe            histogram
	skipped                  counter
	spends, holds            counter
	moves, points            counter
	topUpOrders, topUpsEnded counter
	webhooks, logins         counter
	keys, unknown            counter
	transactions             histogram
	lastWebhook, clock       gauge
}

// New returns metrics that have counted nothing yet. version is that of the program.
func New(version string) *Metrics {
	return &Metrics{
		build: buildInfo(version),
		received: newHistogram("pointsync_event_received_seconds",
			"From when Stripe made an event that may concern an account to when it was stored here.", slow),
		applied: newHistogram("pointsync_event_applied_seconds",
			"From when an event was stored to when a sync that began after it was applied.", steps),
		told: newHistogram("pointsync_event_told_seconds",
			"From when an event was stored to when an open stream of its account was sent what it changed.", steps),
		syncs: newHistogram("pointsync_sync_duration_seconds",
			"How long syncs of an account with Stripe took.", steps,
			label{"cause", names(causes)}, label{"outcome", names(syncOutcomes)}),
		skipped: newCounter("pointsync_syncs_skipped_total", "Syncs that were asked for and not begun.",
			label{"cause", names(causes)}, label{"reason", names(skips)}),
		stripe: newHistogram("pointsync_stripe_request_duration_seconds",
			"How long Stripe took to respond to one request; a retry is another request.", steps,
			label{"operation", names(stripeOperations)}, label{"status", names(stripeStatuses)}),
		spends: newCounter("pointsync_spends_total", "Spends that were asked for.", label{"outcome", names(outcomes)}),
		holds: newCounter("pointsync_holds_total", "Holds, captures and releases that were asked for.",
			label{"operation", names(holdOperations)}, label{"outcome", names(outcomes)}),
		moves: newCounter("pointsync_entries_total", "Movements of points that were committed.",
			label{"kind", names(entryKinds)}),
		points: newCounter("pointsync_entry_points_total", "Points that those movements moved.",
			label{"kind", names(entryKinds)}),
		topUpOrders: newCounter("pointsync_top_up_orders_total", "Automatic orders that came to a status.",
			label{"status", names(orderStatuses)}),
		topUpsEnded: newCounter("pointsync_top_ups_stopped_total",
			"Top-ups that stopped and wait for their customer.", label{"reason", names(topUpReasons)}),
		webhooks: newCounter("pointsync_webhooks_total", "Webhooks of Stripe's that came in.",
			label{"outcome", names(webhookOutcomes)}),
		logins: newCounter("pointsync_login_failures_total", "Logins and refreshes that were refused or failed.",
			label{"method", names(loginMethods)}, label{"reason", names(loginReasons)}),
		keys: newCounter("pointsync_service_key_refusals_total", "Requests whose service key was refused.",
			label{"reason", names(keyReasons)}),
		unknown: newCounter("pointsync_unknown_items_total",
			"Things that an applied sync found at Stripe and that the catalogue does not explain.",
			label{"thing", names(unknowns)}),
		transactions: newHistogram("pointsync_database_transaction_duration_seconds",
			"How long transactions took, with waiting for a connection and for locks.", steps),
		lastWebhook: newGauge("pointsync_webhook_last_accepted_timestamp_seconds",
			"When the newest webhook was accepted; absent until the first."),
		clock: newGauge("pointsync_clock_offset_seconds",
			"How far this server's clock is ahead of Stripe's; absent until Stripe has responded."),
	}
}

// buildInfo returns a gauge that is 1 and whose labels name the program.
func buildInfo(version string) prometheus.Collector {
	revision := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "pointsync_build_info", Help: "The program that runs; its value is always 1.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision, "go_version": runtime.Version()},
	}, func() float64 { return 1 })
}

func (m *Metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		m.build, m.received.vec, m.applied.vec, m.told.vec, m.syncs.vec, m.skipped.vec, m.stripe.vec, m.spends.vec,
		m.holds.vec, m.moves.vec, m.points.vec, m.topUpOrders.vec, m.topUpsEnded.vec, m.webhooks.vec, m.logins.vec,
		m.keys.vec, m.unknown.vec, m.transactions.vec, m.lastWebhook.vec, m.clock.vec,
	}
}

// Describe sends the descriptions of the series.
func (m *Metrics) Describe(out chan<- *prometheus.Desc) {
	for _, c := range m.collectors() {
		c.Describe(out)
	}
}

// Collect sends the series as they are now.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	for _, c := range m.collectors() {
		c.Collect(out)
	}
}

// EventReceived counts an event that was stored and may concern an account, so long after Stripe made it.
func (m *Metrics) EventReceived(after time.Duration) {
	if m != nil {
		m.received.observe(after)
	}
}

// EventApplied counts an event whose sync was applied, so long after the event was stored.
func (m *Metrics) EventApplied(after time.Duration) {
	if m != nil {
		m.applied.observe(after)
	}
}

// EventTold counts an event whose change was sent to an open stream, so long after the event was stored.
func (m *Metrics) EventTold(after time.Duration) {
	if m != nil {
		m.told.observe(after)
	}
}

// Sync counts a sync that was begun, or that could not be, and how long it took.
func (m *Metrics) Sync(cause billing.SyncCause, outcome billing.SyncOutcome, took time.Duration) {
	if m != nil {
		m.syncs.observe(took, string(cause), string(outcome))
	}
}

// SyncSkipped counts a sync that was asked for and not begun.
func (m *Metrics) SyncSkipped(cause billing.SyncCause, why Skip) {
	if m != nil {
		m.skipped.add(1, string(cause), string(why))
	}
}

// StripeRequest counts a request to Stripe. status is that of HTTP, or 0 if there was no response.
func (m *Metrics) StripeRequest(method, path string, status int, took time.Duration) {
	if m != nil {
		m.stripe.observe(took, string(stripeOperationOf(method, path)), string(stripeStatusOf(status)))
	}
}

// Spend counts a spend that was asked for.
func (m *Metrics) Spend(o Outcome) {
	if m != nil {
		m.spends.add(1, string(o))
	}
}

// Hold counts a hold, a capture or a release that was asked for.
func (m *Metrics) Hold(op HoldOperation, o Outcome) {
	if m != nil {
		m.holds.add(1, string(op), string(o))
	}
}

// Moved counts a committed movement of points. A movement into or out of a hold counts what it held.
func (m *Metrics) Moved(e billing.Entry) {
	if m == nil {
		return
	}
	n := e.Amount
	if n == 0 {
		n = e.Held
	}
	m.moves.add(1, string(e.Kind))
	m.points.add(float64(max(n, -n)), string(e.Kind))
}

// TopUpOrder counts an automatic order that came to a status.
func (m *Metrics) TopUpOrder(status billing.OrderStatus) {
	if m != nil {
		m.topUpOrders.add(1, string(status))
	}
}

// TopUpStopped counts a top-up that now waits for its customer.
func (m *Metrics) TopUpStopped(why billing.TopUpReason) {
	if m != nil {
		m.topUpsEnded.add(1, string(why))
	}
}

// Webhook counts a webhook that came in, and remembers when the newest one was accepted, on the machine's clock.
func (m *Metrics) Webhook(o WebhookOutcome) {
	if m == nil {
		return
	}
	m.webhooks.add(1, string(o))
	if o != WebhookRefused && o != WebhookFailed {
		m.lastWebhook.set(float64(time.Now().UnixMilli()) / 1000)
	}
}

// StripeClock notes how far our clock is ahead of Stripe's.
func (m *Metrics) StripeClock(ahead time.Duration) {
	if m != nil {
		m.clock.set(ahead.Seconds())
	}
}

// Transaction counts a transaction of the database, committed or not, and how long it took.
func (m *Metrics) Transaction(took time.Duration) {
	if m != nil {
		m.transactions.observe(took)
	}
}

// UnknownItem counts something that an applied sync found and that the catalogue does not explain.
func (m *Metrics) UnknownItem(thing Unknown) {
	if m != nil {
		m.unknown.add(1, string(thing))
	}
}

// KeyRefused counts a request whose service key was refused.
func (m *Metrics) KeyRefused(why KeyReason) {
	if m != nil {
		m.keys.add(1, string(why))
	}
}

// LoginFailed counts a login, or a refresh of one, that did not succeed.
func (m *Metrics) LoginFailed(method LoginMethod, why LoginReason) {
	if m != nil {
		m.logins.add(1, string(method), string(why))
	}
}

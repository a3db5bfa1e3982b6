package api

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// scrapePatience limits how long a scrape of the metrics waits for the database.
const scrapePatience = 2 * time.Second

// newStreamMetric counts the streams of this process.
func newStreamMetric(accounts *account.Service) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "pointsync_session_streams", Help: "Session streams that are open at this server.",
	},
		func() float64 { return float64(accounts.Followers()) })
}

// runMetrics shows the results of the walks over all accounts. It reads the database at each scrape, so every replica
// shows the same values, no matter which one took the steps, even after a restart.
type runMetrics struct {
	db             *store.DB
	found, lastRun map[billing.RunKind]*prometheus.Desc
	parked         *prometheus.Desc

	backfilled, lastLook, refused *prometheus.Desc
}

func newRunMetrics(db *store.DB) *runMetrics {
	describe := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	return &runMetrics{
		db: db,
		parked: describe(
			"pointsync_parked_accounts", "Accounts whose grants wait for a person to let them through.",
		),
		backfilled: describe(
			"pointsync_backfill_events_total",
			"Events that no webhook had brought and that were taken from Stripe's list.",
		),
		refused: describe(
			"pointsync_webhooks_refused_total",
			"Webhooks that matched none of the secrets, counted once a minute: a rise means that an endpoint's secret is not set.",
		),
		lastLook: describe(
			"pointsync_backfill_last_look_timestamp_seconds",
			"When the last whole look at Stripe's list of events ended; absent when there was none.",
		),
		found: map[billing.RunKind]*prometheus.Desc{
			billing.RunAudit: describe(
				"pointsync_audit_violations",
				"Broken rules that the last complete audit found, or the one under way if it has found more.",
			),
			billing.RunDrift: describe(
				"pointsync_drift_findings",
				"Differences from Stripe that the last complete comparison found, or the one under way if it has found more.",
			),
		},
		lastRun: map[billing.RunKind]*prometheus.Desc{
			billing.RunAudit: describe(
				"pointsync_audit_last_run_timestamp_seconds",
				"When the last complete audit ended; absent when there was none.",
			),
			billing.RunDrift: describe(
				"pointsync_drift_last_run_timestamp_seconds",
				"When the last complete comparison with Stripe ended; absent when there was none.",
			),
		},
	}
}

// Describe sends the descriptions of the metrics.
func (m *runMetrics) Describe(out chan<- *prometheus.Desc) {
	out <- m.parked
	for kind := range m.found {
		out <- m.found[kind]
		out <- m.lastRun[kind]
	}
	out <- m.backfilled
	out <- m.lastLook
	out <- m.refused
}

// collectWalk sends the state of the walk over Stripe's list of events.
func (m *runMetrics) collectWalk(ctx context.Context, out chan<- prometheus.Metric) {
	walk, err := m.db.EventWalk(ctx)
	if err != nil {
		return
	}
	out <- prometheus.MustNewConstMetric(m.refused, prometheus.CounterValue, float64(walk.Refused))
	out <- prometheus.MustNewConstMetric(m.backfilled, prometheus.CounterValue, float64(walk.Found))
	if walk.LookedAt != nil {
		out <- prometheus.MustNewConstMetric(m.lastLook, prometheus.GaugeValue, float64(walk.LookedAt.Unix()))
	}
}

// Collect reads the metrics. If the database does not reply, they are absent, but the rest of the page is still there.
func (m *runMetrics) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
	defer cancel()
	if parked, err := m.db.CountParked(ctx); err == nil {
		out <- prometheus.MustNewConstMetric(m.parked, prometheus.GaugeValue, float64(parked))
	}
	m.collectWalk(ctx, out)
	runs, err := m.db.AuditRuns(ctx)
	if err != nil {
		return
	}
	for _, run := range runs {
		found := run.LastFindings
		if run.EndedAt == nil {
			found = max(found, run.Findings)
		}
		out <- prometheus.MustNewConstMetric(m.found[run.Kind], prometheus.GaugeValue, float64(found))
		if run.LastEndedAt != nil {
			out <- prometheus.MustNewConstMetric(
				m.lastRun[run.Kind], prometheus.GaugeValue, float64(run.LastEndedAt.Unix()),
			)
		}
	}
}

// outgoingMetrics shows the state of outgoing events. It reads the database at each scrape, so every replica shows the
// same values.
type outgoingMetrics struct {
	db                                            *store.DB
	pending, oldest, delivered, failed, endpoints *prometheus.Desc
}

// endpointStates are the states of an operator's endpoint.
var endpointStates = []string{"active", "paused", "disabled"}

func newOutgoingMetrics(db *store.DB) *outgoingMetrics {
	describe := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	return &outgoingMetrics{
		db: db,
		pending: describe(
			"pointsync_outgoing_events_pending",
			"Outgoing events that an endpoint has not accepted yet, one for each endpoint.",
		),
		oldest: describe(
			"pointsync_outgoing_events_oldest_pending_seconds",
			"For how long the oldest of them has waited; 0 where there is none.",
		),
		delivered: describe(
			"pointsync_outgoing_events_delivered_total", "Outgoing events that the present endpoints accepted, ever.",
		),
		failed: describe(
			"pointsync_outgoing_events_failed_total",
			"Outgoing events that were given up at the present endpoints, ever.",
		),
		endpoints: prometheus.NewDesc(
			"pointsync_outgoing_endpoints", "The operator's endpoints that get events.", []string{"state"}, nil,
		),
	}
}

// Describe sends the descriptions of the metrics.
func (m *outgoingMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.pending, m.oldest, m.delivered, m.failed, m.endpoints} {
		out <- d
	}
}

// Collect reads the metrics. If the database does not reply, they are absent.
func (m *outgoingMetrics) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
	defer cancel()
	if hooks, err := m.db.Webhooks(ctx); err == nil {
		m.collectEndpoints(hooks, out)
	}
	o, err := m.db.Outgoing(ctx)
	if err != nil {
		return
	}
	waited := 0.0
	if o.Oldest != nil {
		waited = m.db.Now().Sub(*o.Oldest).Seconds()
	}
	out <- prometheus.MustNewConstMetric(m.pending, prometheus.GaugeValue, float64(o.Pending))
	out <- prometheus.MustNewConstMetric(m.oldest, prometheus.GaugeValue, waited)
	out <- prometheus.MustNewConstMetric(m.delivered, prometheus.CounterValue, float64(o.Delivered))
	out <- prometheus.MustNewConstMetric(m.failed, prometheus.CounterValue, float64(o.Failed))
}

func (m *outgoingMetrics) collectEndpoints(hooks []billing.Webhook, out chan<- prometheus.Metric) {
	n, now := map[string]int{}, time.Now() // the machine's clock, as for pauses
	for _, w := range hooks {
		switch {
		case w.DisabledAt != nil:
			n["disabled"]++
		case w.PausedAt(now):
			n["paused"]++
		default:
			n["active"]++
		}
	}
	for _, state := range endpointStates {
		out <- prometheus.MustNewConstMetric(m.endpoints, prometheus.GaugeValue, float64(n[state]), state)
	}
}

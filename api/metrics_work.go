package api

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/store"
)

// workMetrics shows the work that waits: events and jobs. It reads the database at each scrape, so every replica shows
// the same values.
type workMetrics struct {
	db                       *store.DB
	kinds                    func() []string
	events, oldest, job, due *prometheus.Desc
}

func newWorkMetrics(db *store.DB, runner *jobs.Runner) *workMetrics {
	kinds := func() []string { return nil }
	if runner != nil {
		kinds = runner.Kinds
	}
	return &workMetrics{
		db: db, kinds: kinds,
		events: prometheus.NewDesc(
			"pointsync_events_pending", "Stripe's events that wait for a sync that is applied.", nil, nil,
		),
		oldest: prometheus.NewDesc(
			"pointsync_events_oldest_pending_seconds",
			"For how long the oldest of them has waited; 0 where there is none.", nil, nil,
		),
		job: prometheus.NewDesc(
			"pointsync_jobs", "Jobs that are not done, and those that were given up in the last day.",
			[]string{"kind", "state"}, nil,
		),
		due: prometheus.NewDesc(
			"pointsync_jobs_overdue_seconds",
			"For how long the oldest job has been due that no worker has begun; 0 where there is none.",
			[]string{"kind"}, nil,
		),
	}
}

// Describe sends the descriptions of the metrics.
func (m *workMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.events, m.oldest, m.job, m.due} {
		out <- d
	}
}

// Collect reads the metrics. If the database does not reply, they are absent.
func (m *workMetrics) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
	defer cancel()
	if waiting, err := m.db.WaitingEvents(ctx); err == nil {
		waited := 0.0
		if waiting.Oldest != nil {
			waited = max(0, m.db.Now().Sub(*waiting.Oldest).Seconds())
		}
		out <- prometheus.MustNewConstMetric(m.events, prometheus.GaugeValue, float64(waiting.Events))
		out <- prometheus.MustNewConstMetric(m.oldest, prometheus.GaugeValue, waited)
	}
	if counts, err := m.db.CountJobs(ctx, jobs.Unfinished); err == nil {
		m.collectJobs(counts, out)
	}
}

// otherKind is the label of jobs whose kind is not registered: another version of the program made them.
const otherKind = "other"

// startable are the states of a job that a worker begins once its time has come.
var startable = []string{"available", "scheduled", "retryable"}

// collectJobs sends the number of jobs in each state, also where there are none: only then a rule can tell none from
// not known.
func (m *workMetrics) collectJobs(counts []store.JobCount, out chan<- prometheus.Metric) {
	kinds := append(m.kinds(), otherKind)
	n, overdue := map[[2]string]int64{}, map[string]float64{}
	now := float64(time.Now().UnixMilli()) / 1000 // the queue's times are the machine's
	for _, c := range counts {
		if !slices.Contains(kinds, c.Kind) {
			c.Kind = otherKind
		}
		n[[2]string{c.Kind, c.State}] += c.Jobs
		if slices.Contains(startable, c.State) {
			overdue[c.Kind] = max(overdue[c.Kind], now-c.DueSeconds)
		}
	}
	for _, kind := range kinds {
		out <- prometheus.MustNewConstMetric(m.due, prometheus.GaugeValue, overdue[kind], kind)
		for _, state := range jobs.Unfinished {
			out <- prometheus.MustNewConstMetric(
				m.job, prometheus.GaugeValue, float64(n[[2]string{kind, state}]), kind, state,
			)
		}
	}
}

// poolMetrics shows this process's connections to the database.
type poolMetrics struct {
	db                *store.DB
	connections, most *prometheus.Desc
	waits, waited     *prometheus.Desc
}

func newPoolMetrics(db *store.DB) *poolMetrics {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &poolMetrics{
		db:          db,
		connections: describe("pointsync_database_connections", "Connections to the database.", "state"),
		most:        describe("pointsync_database_connections_max", "The most that this process opens."),
		waits: describe(
			"pointsync_database_connection_waits_total",
			"How often a statement had to wait for a connection, or for a new one to open.",
		),
		waited: describe(
			"pointsync_database_connection_wait_seconds_total", "How long statements waited for a connection.",
		),
	}
}

// Describe sends the descriptions of the metrics.
func (m *poolMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.connections, m.most, m.waits, m.waited} {
		out <- d
	}
}

// Collect sends the state of the connections. It does not ask the database.
func (m *poolMetrics) Collect(out chan<- prometheus.Metric) {
	pool := m.db.Pool()
	gauge := func(d *prometheus.Desc, n int, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), labels...)
	}
	gauge(m.connections, pool.InUse, "in_use")
	gauge(m.connections, pool.Idle, "idle")
	gauge(m.most, pool.Max)
	out <- prometheus.MustNewConstMetric(m.waits, prometheus.CounterValue, float64(pool.Waits))
	out <- prometheus.MustNewConstMetric(m.waited, prometheus.CounterValue, pool.Waited.Seconds())
}

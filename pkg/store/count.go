package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/metric"
)

// CountIn makes every transaction count in m what it has committed: movements of points, automatic orders, and events.
// So code that moves points cannot forget it, and what was rolled back is not counted. Set it once, before the database
// is used.
func (d *DB) CountIn(m *metric.Metrics) { d.metrics = m }

// count counts the facts of a transaction that was just committed. An event's times end now, not when its transaction
// began: a transaction may wait for a lock.
func (d *DB) count(f *Facts) {
	for _, e := range f.Entries {
		d.metrics.Moved(e)
	}
	for _, o := range f.Orders {
		if o.After.Automatic && o.Before != o.After.Status {
			d.metrics.TopUpOrder(o.After.Status)
		}
	}
	for _, t := range f.Stopped {
		d.metrics.TopUpStopped(t.Reason)
	}
	if len(f.Received)+len(f.Processed) == 0 {
		return
	}
	now := d.Now()
	for _, made := range f.Received {
		d.metrics.EventReceived(now.Sub(made))
	}
	for _, received := range f.Processed {
		d.metrics.EventApplied(now.Sub(received))
	}
}

// Waiting is how many events wait for a sync that is applied, and since when the oldest of them does.
type Waiting struct {
	Events int64
	Oldest *time.Time // nil if there is none
}

// WaitingEvents counts the events that are pending. It costs as much as it finds.
func (r reads) WaitingEvents(ctx context.Context) (Waiting, error) {
	var row struct {
		Events int64
		Oldest *stamp
	}
	err := r.q(ctx).Raw(
		"SELECT count(*) AS events, min(received_at) AS oldest FROM inbox_events WHERE status = 'pending'",
	).Scan(&row).Error
	return Waiting{Events: row.Events, Oldest: fromStamp(row.Oldest)}, translate(err)
}

// ToldEvent is an event whose sync changed an account.
type ToldEvent struct {
	ReceivedAt time.Time
	Origin     string // the trace in which it was stored, or ""
}

// EventsTold lists the events that syncs closed which left a version of the account after one version and
// until another one. It looks only at events that came in after since, and returns up to limit of them.
func (r reads) EventsTold(
	ctx context.Context, account billing.AccountID, after, until int64, since time.Time, limit int,
) ([]ToldEvent, error) {
	var rows []struct {
		ReceivedAt stamp
		Origin     *string
	}
	// A sync ends and closes its events in one transaction, so both have its time.
	err := r.q(ctx).Raw(`SELECT e.received_at, e.origin FROM inbox_events e
		JOIN syncs s ON s.account_id = e.account_id AND s.ended_at = e.processed_at
		WHERE e.account_id = ? AND e.status = 'processed' AND e.received_at > ?
		AND s.outcome = 'applied' AND s.version > ? AND s.version <= ? LIMIT ?`,
		string(account), stamp{since}, after, until, limit).Scan(&rows).Error
	events := make([]ToldEvent, len(rows))
	for i, row := range rows {
		events[i].ReceivedAt = row.ReceivedAt.Time
		if row.Origin != nil {
			events[i].Origin = *row.Origin
		}
	}
	return events, translate(err)
}

// JobCount is how many jobs of a kind are in a state of the queue, and when the first of them is or was due, in seconds
// since 1970 on the machine's clock.
type JobCount struct {
	Kind, State string
	Jobs        int64
	DueSeconds  float64
}

// CountJobs counts the jobs in these states. It costs as much as it finds, because the queue's index begins with the
// state.
func (r reads) CountJobs(ctx context.Context, states []string) (counts []JobCount, err error) {
	q := r.q(ctx)
	seconds := "unixepoch(min(scheduled_at), 'subsec')"
	if q.Name() == string(Postgres) {
		seconds = "extract(epoch FROM min(scheduled_at))::float8"
	}
	err = q.Raw(`SELECT kind, state, count(*) AS jobs, `+seconds+` AS due_seconds
		FROM river_job WHERE state IN ? GROUP BY kind, state`, states).Scan(&counts).Error
	return counts, translate(err)
}

// Pool is the state of this process's connections to the database.
type Pool struct {
	Max, InUse, Idle int
	Waits            int64         // how often a statement had to wait for a connection
	Waited           time.Duration // in all
}

// Pool returns the state of the connections.
func (d *DB) Pool() Pool {
	if pool, ok := d.listener.(*pgxpool.Pool); ok {
		s := pool.Stat()
		return Pool{
			Max: int(s.MaxConns()), InUse: int(s.AcquiredConns()), Idle: int(s.IdleConns()),
			Waits: s.EmptyAcquireCount(), Waited: s.EmptyAcquireWaitTime(),
		}
	}
	s := d.sql.Stats()
	return Pool{
		Max: s.MaxOpenConnections, InUse: s.InUse, Idle: s.Idle, Waits: s.WaitCount, Waited: s.WaitDuration,
	}
}

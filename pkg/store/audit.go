package store

import (
	"context"
	"time"

	"gorm.io/gorm/clause"

	"github.com/pointsync/pointsync/pkg/billing"
)

// AuditScope selects the rows that an audit looks at.
type AuditScope struct {
	After, Last billing.AccountID // accounts after the first and up to the last
	CheckoutKey string            // how the grant keys of orders begin
	IntentKey   string            // how those of automatic orders begin
	// An event that has waited since before this time must have a job, or the sweeper must have looked at it since
	// then.
	PendingBefore time.Time
	DueBefore     time.Time // the same for an outgoing event that was due before this time, by the machine's clock
	EndedBy       time.Time // points of a subscription that has ended must have ended by then
}

const (
	outgoingDetail = `'outgoing event ' || d.id || ' waits, and no job is left for it' AS detail
		FROM deliveries d JOIN webhooks w ON w.id = d.webhook_id`
	outgoingWaits = `w.disabled_at IS NULL AND (w.paused_until IS NULL OR w.paused_until < @due)
		AND d.status = 'pending' AND d.created_at < @before AND d.next_at < @due
		AND d.webhook_id NOT IN
			(SELECT args ->> 'webhook' FROM river_job WHERE kind = 'deliver' AND finalized_at IS NULL)`
	orderKey = `CASE WHEN o.automatic THEN @intent || o.payment_intent_id ELSE @key || o.checkout_id END`
)

// rules are queries for rows that break a rule. Each is one statement, so it sees all its tables at one moment and
// needs no lock. A rule never sees half of a transaction that is still running.
var rules = []struct{ name, query string }{
	{"next-expiry", `SELECT a.id AS account,
		'the account does not know when its next lot runs out or its next hold ends' AS detail FROM accounts a
		WHERE a.id > @after AND a.id <= @last
		AND a.next_expiry IS DISTINCT FROM (SELECT MIN(expires_at) FROM (
			SELECT expires_at FROM lots l
			WHERE l.account_id = a.id AND (l.remaining > 0 OR l.held > 0) AND l.ended_at IS NULL
			UNION ALL SELECT expires_at FROM holds h WHERE h.account_id = a.id AND h.status = 'active') ends)`},
	{"window", `SELECT a.id AS account, 'the subscription is ' || a.sub_status || ' and has a window' AS detail
		FROM accounts a WHERE a.id > @after AND a.id <= @last AND a.window_until IS NOT NULL
		AND a.sub_status NOT IN ('active', 'trialing', 'past_due')`},
	{"ended-points", `SELECT a.id AS account,
		'lot ' || l.id || ' has points left of ' || l.source || ', which has ended' AS detail
		FROM accounts a JOIN lots l ON l.account_id = a.id AND l.source = 'subscription:' || a.sub_id
		WHERE a.id > @after AND a.id <= @last AND a.sub_status IN ('canceled', 'incomplete_expired')
		AND l.remaining > 0 AND (l.expires_at IS NULL OR l.expires_at > @ended)`},
	{"order-times", `SELECT o.account_id AS account,
		'order ' || o.id || ' is ' || o.status || ', which its fulfilled_at denies' AS detail
		FROM orders o WHERE o.account_id > @after AND o.account_id <= @last
		AND (o.status IN ('fulfilled', 'refunded')) <> (o.fulfilled_at IS NOT NULL)`},
	{"order-grant", `SELECT o.account_id AS account,
		'order ' || o.id || ' is ' || o.status || ' and its points were not granted' AS detail
		FROM orders o LEFT JOIN lots l ON l.grant_key = ` + orderKey + ` AND l.account_id = o.account_id
		WHERE o.account_id > @after AND o.account_id <= @last AND o.kind = 'pack'
		AND o.status IN ('fulfilled', 'refunded') AND (l.id IS NULL OR l.granted <> o.points)`},
	{"grant-order", `SELECT l.account_id AS account,
		'lot ' || l.id || ' was granted for an order that is not fulfilled' AS detail
		FROM lots l LEFT JOIN orders o ON l.grant_key = ` + orderKey + ` AND o.account_id = l.account_id
			AND o.status IN ('fulfilled', 'refunded')
		WHERE l.account_id > @after AND l.account_id <= @last AND o.id IS NULL
		AND (substr(l.grant_key, 1, length(@key)) = @key OR substr(l.grant_key, 1, length(@intent)) = @intent)`},
	{"lot-entries", `SELECT l.account_id AS account, 'lot ' || l.id || ' does not match its entries' AS detail
		FROM lots l LEFT JOIN (SELECT account_id, lot_id, SUM(CASE kind WHEN 'grant' THEN 1 ELSE 0 END) AS grants,
			SUM(CASE kind WHEN 'grant' THEN amount ELSE 0 END) AS granted,
			SUM(CASE WHEN kind IN ('clawback', 'restore') THEN -amount ELSE 0 END) AS clawed_back
			FROM entries WHERE account_id > @after AND account_id <= @last AND lot_id IS NOT NULL
			GROUP BY account_id, lot_id) e ON e.account_id = l.account_id AND e.lot_id = l.id
		WHERE l.account_id > @after AND l.account_id <= @last
		AND substr(l.grant_key, 1, 8) <> 'restore:' -- what a won dispute brought back has no grant of its own
		AND (e.lot_id IS NULL OR e.grants <> 1 OR e.granted <> l.granted OR e.clawed_back <> l.clawed_back)`},
	{"event-ticket", `SELECT e.account_id AS account,
		'event ' || e.id || ' is processed, and no sync after its receipt was applied' AS detail
		FROM inbox_events e JOIN accounts a ON a.id = e.account_id
		WHERE e.account_id > @after AND e.account_id <= @last AND e.status = 'processed'
		AND (e.ticket IS NULL OR e.ticket > a.ticket_applied)`},
	// The kinds of jobs and their arguments are those of package inbox.
	{"event-job", `SELECT e.account_id AS account, 'event ' || e.id || ' waits, and no job will process it' AS detail
		FROM inbox_events e WHERE e.account_id > @after AND e.account_id <= @last AND e.status = 'pending'
		AND e.received_at < @before
		AND e.account_id NOT IN (SELECT args ->> 'account' FROM river_job WHERE kind = 'sync' AND finalized_at IS NULL)
		AND NOT EXISTS (SELECT 1 FROM syncs s
			WHERE s.account_id = e.account_id AND s.cause = 'event' AND s.began_at >= @before)`},
	// Events whose account is not known yet are looked at once a run, together with its first accounts.
	{"event-job", `SELECT '' AS account, 'event ' || e.id || ' waits for its account, and no job will look for it' AS detail
		FROM inbox_events e
		WHERE @after = '' AND e.account_id IS NULL AND e.status = 'pending' AND e.received_at < @before
		AND (e.tried_at IS NULL OR e.tried_at < @before)
		AND e.id NOT IN (SELECT args ->> 'event' FROM river_job WHERE kind = 'resolve' AND finalized_at IS NULL)`},
	{"outgoing-job", `SELECT d.account_id AS account, ` + outgoingDetail + `
		WHERE d.account_id > @after AND d.account_id <= @last AND ` + outgoingWaits},
	// Tests belong to no account.
	{
		"outgoing-job",
		`SELECT '' AS account, ` + outgoingDetail + ` WHERE @after = '' AND d.account_id IS NULL AND ` + outgoingWaits,
	},
}

// maxViolations bounds how many violations one rule reports for one batch.
const maxViolations = 1000

// Violations returns the rows in a scope that break a rule across several tables.
func (r reads) Violations(ctx context.Context, scope AuditScope) ([]billing.Violation, error) {
	values := map[string]any{
		"after": string(scope.After), "last": string(scope.Last), "key": scope.CheckoutKey, "intent": scope.IntentKey,
		"before": stamp{scope.PendingBefore}, "due": stamp{scope.DueBefore},
		"ended": stamp{scope.EndedBy}, "limit": maxViolations,
	}
	var all []billing.Violation
	for _, rule := range rules {
		var found []struct{ Account, Detail string }
		if err := r.q(ctx).Raw(
			rule.query+" ORDER BY account, detail LIMIT @limit", values,
		).Scan(&found).Error; err != nil {
			return nil, translate(err)
		}
		for _, f := range found {
			all = append(
				all, billing.Violation{Account: billing.AccountID(f.Account), Rule: rule.name, Detail: f.Detail},
			)
		}
	}
	return all, nil
}

// AccountIDs lists ids of accounts in order, starting after the given one.
func (r reads) AccountIDs(ctx context.Context, after billing.AccountID, limit int) ([]billing.AccountID, error) {
	var ids []billing.AccountID
	err := r.q(ctx).Model(&accountRow{}).Where("id > ?", string(after)).Order("id").Limit(limit).Pluck("id", &ids).Error
	return ids, translate(err)
}

type runRow struct {
	Kind         string `gorm:"primaryKey"`
	BeganAt      *stamp
	CursorID     string `gorm:"not null"`
	Accounts     int64  `gorm:"not null"`
	Findings     int64  `gorm:"not null"`
	EndedAt      *stamp
	LastEndedAt  *stamp
	LastFindings int64 `gorm:"not null"`
}

func (runRow) TableName() string { return "audit_runs" }

// AuditRuns returns the cursor of each periodic walk over all accounts.
func (r reads) AuditRuns(ctx context.Context) ([]billing.AuditRun, error) {
	var rows []runRow
	if err := r.q(ctx).Order("kind").Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	runs := make([]billing.AuditRun, len(rows))
	for i, row := range rows {
		runs[i] = fromRowRun(row)
	}
	return runs, nil
}

// AuditRun returns the cursor of one periodic walk.
func (r reads) AuditRun(ctx context.Context, kind billing.RunKind) (billing.AuditRun, error) {
	var row runRow
	err := r.q(ctx).Where("kind = ?", string(kind)).Take(&row).Error
	return fromRowRun(row), translate(err)
}

// LockAuditRun returns what AuditRun does, and makes other writers of it wait until this transaction ends.
func (tx *Tx) LockAuditRun(ctx context.Context, kind billing.RunKind) (billing.AuditRun, error) {
	var row runRow
	err := tx.q(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("kind = ?", string(kind)).Take(&row).Error
	return fromRowRun(row), translate(err)
}

// SaveAuditRun writes the cursor of a walk. The caller holds its lock.
func (tx *Tx) SaveAuditRun(ctx context.Context, run billing.AuditRun) error {
	return translate(tx.q(ctx).Model(&runRow{}).Where("kind = ?", string(run.Kind)).Updates(map[string]any{
		"began_at": toStamp(run.BeganAt), "cursor_id": string(run.Cursor), "accounts": run.Accounts,
		"findings": run.Findings,
		"ended_at": toStamp(run.EndedAt), "last_ended_at": toStamp(run.LastEndedAt), "last_findings": run.LastFindings,
	}).Error)
}

func fromRowRun(row runRow) billing.AuditRun {
	return billing.AuditRun{
		Kind:         billing.RunKind(row.Kind),
		BeganAt:      fromStamp(row.BeganAt),
		Cursor:       billing.AccountID(row.CursorID),
		Accounts:     row.Accounts,
		Findings:     row.Findings,
		EndedAt:      fromStamp(row.EndedAt),
		LastEndedAt:  fromStamp(row.LastEndedAt),
		LastFindings: row.LastFindings,
	}
}

package store

import (
	"context"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// chapter holds the parts of a query for one kind of moment. Parts that are not set stay empty.
type chapter struct {
	kind                     billing.MomentKind
	rank                     string // a digit that sorts causes before effects
	at, number, ref          string
	one, two, three          string
	amount, balance, version string
	from                     string // the table, and any condition besides the account
}

// chapters are all the parts of a timeline. The account's own row has the account's id under another name.
var chapters = []chapter{
	{
		kind: billing.MomentRegistered,
		rank: "0",
		at:   "created_at",
		ref:  "id",
		one:  "COALESCE(email, '')",
		two:  "COALESCE(external_id, '')",
		// An erased account may have had either.
		three: "CASE WHEN deleted_at IS NOT NULL THEN 'erased' " +
			"WHEN cut_over_at IS NOT NULL THEN 'imported' ELSE '' END",
		from: "(SELECT *, id AS account_id FROM accounts) a WHERE true",
	},
	{
		kind: billing.MomentDeletionBegan,
		rank: "0",
		at:   "deleting_at",
		ref:  "id",
		one: "CASE WHEN EXISTS (SELECT 1 FROM admin_actions WHERE account_id = a.id AND action = 'delete') " +
			"THEN 'operator' ELSE 'customer' END",
		from: "(SELECT *, id AS account_id FROM accounts) a WHERE deleting_at IS NOT NULL",
	},
	{
		kind: billing.MomentDeletionEnded,
		rank: "7",
		at:   "deleted_at",
		ref:  "id",
		from: "(SELECT *, id AS account_id FROM accounts) a WHERE deleted_at IS NOT NULL",
	},
	{
		kind: billing.MomentIdentity,
		rank: "0",
		at:   "created_at",
		ref:  "issuer || ' ' || subject",
		one:  "issuer",
		two:  "subject",
		from: "identities WHERE true",
	},
	{kind: billing.MomentLoginBegan, rank: "1", at: "created_at", ref: "id", from: "logins WHERE true"},
	{
		kind: billing.MomentLoginEnded,
		rank: "1",
		at:   "revoked_at",
		ref:  "id",
		from: "logins WHERE revoked_at IS NOT NULL",
	},
	{
		kind:  billing.MomentAdmin,
		rank:  "5",
		at:    "created_at",
		ref:   "id",
		one:   "action",
		two:   "COALESCE(admin_id, '')",
		three: "reason",
		from:  "admin_actions WHERE true",
	},
	{
		kind:  billing.MomentAdmin,
		rank:  "5",
		at:    "created_at",
		ref:   "id",
		one:   "action",
		two:   "COALESCE(admin_id, '')",
		three: "subject || ': ' || reason",
		from:  "system_actions WHERE true",
	},
	{kind: billing.MomentOrderMade, rank: "1", at: "created_at", ref: "id", one: "item", two: "CAST(quantity AS text)",
		three: "CAST(amount AS text) || ' ' || currency || CASE WHEN automatic THEN ', automatically' ELSE '' END",
		from:  "orders WHERE true"},
	{
		kind: billing.MomentOrderFulfilled,
		rank: "5",
		at:   "fulfilled_at",
		ref:  "id",
		one:  "item",
		two:  "status",
		from: "orders WHERE fulfilled_at IS NOT NULL",
	},
	{
		kind:  billing.MomentChange,
		rank:  "1",
		at:    "created_at",
		ref:   "id",
		one:   "kind || ' ' || status",
		two:   "CAST(quantity AS text) || ' × ' || plan",
		three: "detail",
		from:  "subscription_changes WHERE true",
	},
	{
		kind: billing.MomentEventReceived,
		rank: "2",
		at:   "received_at",
		ref:  "id",
		one:  "type",
		two:  "object_type || ' ' || object_id",
		three: "CASE status WHEN 'ignored' THEN 'ignored: ' || reason " +
			"WHEN 'pending' THEN 'pending; ' || last_error ELSE '' END",
		from: "inbox_events WHERE true",
	},
	{
		kind:   billing.MomentEventProcessed,
		rank:   "6",
		at:     "processed_at",
		number: "COALESCE(ticket, 0)",
		ref:    "id",
		one:    "type",
		two:    "CAST(ticket AS text)",
		from:   "inbox_events WHERE processed_at IS NOT NULL",
	},
	{
		kind:   billing.MomentSyncBegan,
		rank:   "3",
		at:     "began_at",
		number: "ticket",
		ref:    "CAST(ticket AS text)",
		one:    "cause",
		from:   "syncs WHERE true",
	},
	{
		kind:   billing.MomentPoints,
		rank:   "4",
		at:     "created_at",
		number: "seq",
		ref:    "id",
		one:    "kind || ' ' || by_kind || COALESCE(' ' || by_id, '')",
		two: "COALESCE(action || ' × ' || CAST(quantity AS text) || CASE description WHEN '' THEN '' ELSE ', ' END, '')" +
			" || description",
		three:   "CAST(held AS text)",
		amount:  "amount",
		balance: "balance_after",
		version: "seq",
		from:    "entries WHERE true",
	},
	{
		kind:    billing.MomentSyncEnded,
		rank:    "7",
		at:      "ended_at",
		number:  "ticket",
		ref:     "CAST(ticket AS text)",
		one:     "outcome",
		two:     "detail",
		version: "COALESCE(version, 0)",
		from:    "syncs WHERE ended_at IS NOT NULL",
	},
	{
		kind: billing.MomentDelivery,
		rank: "8",
		at:   "created_at",
		ref:  "id || ' ' || webhook_id",
		one:  "type",
		two:  "webhook_id",
		three: "status || CASE WHEN status <> 'delivered' AND last_error <> '' " +
			"THEN ' after ' || attempts || ' attempts: ' || last_error ELSE '' END",
		from: "deliveries WHERE true",
	},
}

// query returns the query for moments of one kind before a position, latest first. Each kind is limited separately,
// before all are combined.
func (c chapter) query() string {
	or := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	number := or(c.number, "CAST(0 AS bigint)")
	position := strings.Join([]string{c.at, c.rank, number, c.ref}, ", ")
	return "SELECT * FROM (SELECT " + c.at + " AS at, " + c.rank + " AS rank, " + number + " AS number, " + c.ref +
		" AS ref, '" + string(c.kind) + "' AS kind, " +
		or(c.one, "''") + " AS one, " + or(c.two, "''") + " AS two, " + or(c.three, "''") + " AS three, " +
		or(c.amount, "0") + " AS amount, " + or(c.balance, "0") + " AS balance, " + or(c.version, "0") +
		" AS version FROM " + c.from +
		" AND account_id = @account AND (" + position + ") < (@at, @rank, @number, @ref) ORDER BY " + c.at + " DESC, " +
		number + " DESC, " + c.ref +
		" DESC LIMIT @limit) AS " + strings.ReplaceAll(string(c.kind), ".", "_")
}

var timelineQuery = func() string {
	queries := make([]string, len(chapters))
	for i, c := range chapters {
		queries[i] = c.query()
	}
	return strings.Join(queries, " UNION ALL ") + " ORDER BY at DESC, rank DESC, number DESC, ref DESC LIMIT @limit"
}()

// EndOfTime is the position after every moment.
var EndOfTime = billing.Position{At: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}

type momentRow struct {
	At                       stamp
	Rank, Number             int64
	Ref, Kind                string
	One, Two, Three          string
	Amount, Balance, Version int64
}

// Timeline lists what happened to an account before a position, latest first.
func (r reads) Timeline(
	ctx context.Context, account billing.AccountID, before billing.Position, limit int,
) ([]billing.Moment, error) {
	var rows []momentRow
	err := r.q(ctx).Raw(timelineQuery, map[string]any{
		"account": string(account), "at": stamp{before.At}, "rank": before.Rank, "number": before.Number,
		"ref": before.Ref, "limit": limit,
	}).Scan(&rows).Error
	if err != nil {
		return nil, translate(err)
	}
	moments := make([]billing.Moment, len(rows))
	for i, row := range rows {
		moments[i] = billing.Moment{
			Position: billing.Position{
				At: row.At.Time, Rank: row.Rank, Number: row.Number, Ref: row.Ref,
			}, Kind: billing.MomentKind(row.Kind),
			Parts: [3]string{
				row.One, row.Two, row.Three,
			}, Amount: billing.Points(row.Amount), Balance: billing.Points(row.Balance), Version: row.Version,
		}
	}
	return moments, nil
}

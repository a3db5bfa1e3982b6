package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/trace"
)

// statementKey carries a statement that is traced from its beginning to its end, in the statement's context.
type statementKey struct{}

type tracedStatement struct {
	span   trace.Span
	before context.Context // of the statement, which may run again
}

// traceStatements makes each statement a span, if it runs in one. The span has the text with placeholders, and never
// the values.
func traceStatements(g *gorm.DB, system string) error {
	begin := func(db *gorm.DB) {
		ctx, span := trace.Start(db.Statement.Context, "statement", trace.Client)
		if span.On() {
			traced := tracedStatement{span, db.Statement.Context}
			db.Statement.Context = context.WithValue(ctx, statementKey{}, traced)
		}
	}
	end := func(db *gorm.DB) {
		traced, ok := db.Statement.Context.Value(statementKey{}).(tracedStatement)
		if !ok {
			return
		}
		db.Statement.Context = traced.before
		endStatement(traced.span, system, db)
	}
	c := g.Callback()
	return errors.Join(
		c.Create().Before("*").Register("trace:begin", begin), c.Create().After("*").Register("trace:end", end),
		c.Query().Before("*").Register("trace:begin", begin), c.Query().After("*").Register("trace:end", end),
		c.Update().Before("*").Register("trace:begin", begin), c.Update().After("*").Register("trace:end", end),
		c.Delete().Before("*").Register("trace:begin", begin), c.Delete().After("*").Register("trace:end", end),
		c.Row().Before("*").Register("trace:begin", begin), c.Row().After("*").Register("trace:end", end),
		c.Raw().Before("*").Register("trace:begin", begin), c.Raw().After("*").Register("trace:end", end),
	)
}

// endStatement names and ends the span of a statement.
func endStatement(span trace.Span, system string, db *gorm.DB) {
	text := strings.TrimSpace(db.Statement.SQL.String())
	operation, _, _ := strings.Cut(text, " ")
	operation = strings.ToUpper(operation)
	span.Name(strings.TrimSpace(operation + " " + db.Statement.Table))
	span.Text("db.system.name", system)
	span.Text("db.operation.name", operation)
	span.Text("db.collection.name", db.Statement.Table)
	span.Text("db.query.text", text)
	err := db.Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		err = nil
	}
	span.End(translate(err))
}

// EventOrigins lists the traces in which the events of a sync were stored, as trace.Carry has them, up to limit of
// them. Events that were stored without a trace are left out.
func (r reads) EventOrigins(
	ctx context.Context, account billing.AccountID, ticket int64, limit int,
) (origins []string, err error) {
	err = r.q(ctx).Model(&eventRow{}).Order("received_at, id").Limit(limit).
		Where("account_id = ? AND status = ? AND ticket = ?", string(account), string(billing.InboxPending), ticket).
		Where("origin IS NOT NULL").Pluck("origin", &origins).Error
	if err != nil {
		return nil, fmt.Errorf("read the traces of events: %w", translate(err))
	}
	return origins, nil
}

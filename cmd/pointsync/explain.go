package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// pageOfStory is how many moments are read at once.
	pageOfStory = 500
	// maxStory limits how many moments one run prints.
	maxStory = 100_000
)

type explainCmd struct {
	Account string        `arg:"" help:"The account's email, its id (acc_…) or its external id."`
	Limit   int           `help:"How many of the last moments." default:"200"`
	Since   time.Duration `help:"Only moments of this last time, such as 48h." placeholder:"48h"`
	JSON    bool          `name:"json" help:"Print one JSON object a line, as GET /admin/accounts/{id}/timeline shows them."`

	target
}

// Run prints an account's story, oldest moment first, because a terminal ends at the newest.
func (e explainCmd) Run(ctx context.Context) error {
	if err := checkLimit(e.Limit, maxStory); err != nil {
		return err
	}
	if e.Since < 0 {
		return errors.New("--since must not be negative")
	}
	db, closeAll, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer closeAll()
	a, err := account.Named(ctx, db, e.Account)
	if err != nil {
		return fmt.Errorf("account %s: %w", e.Account, err)
	}
	var from time.Time
	if e.Since > 0 {
		from = db.Now().Add(-e.Since)
	}
	story, more, err := readStory(ctx, db, a.ID, from, e.Limit)
	if err != nil {
		return err
	}
	if e.JSON {
		return printStoryJSON(os.Stdout, story)
	}
	if a, err = ledger.Current(ctx, db, a.ID); err != nil {
		return err
	}
	topUp, err := db.TopUp(ctx, a.ID)
	if err != nil && billing.CodeOf(err) != billing.ENotFound {
		return err
	}
	waits, err := waitsOf(ctx, db, a, story)
	if err != nil {
		return err
	}
	return printStory(os.Stdout, a, topUp, waits, story, more)
}

// readStory returns the last moments since a time, oldest first, and whether there are older ones.
func readStory(
	ctx context.Context, db *store.DB, id billing.AccountID, from time.Time, limit int,
) (story []account.Line, more bool, err error) {
	for cursor := ""; ; {
		page, next, err := account.Timeline(ctx, db, id, cursor, min(pageOfStory, limit-len(story)))
		if err != nil {
			return nil, false, err
		}
		older := slices.IndexFunc(page, func(m account.Line) bool { return m.At.Before(from) })
		if older >= 0 {
			page = page[:older]
		}
		story = append(story, page...)
		if next == "" || older >= 0 || len(story) == limit {
			slices.Reverse(story)
			return story, next != "" || older >= 0, nil
		}
		cursor = next
	}
}

// printStory writes the account as it is now and what waits, then one line for each moment, under its day. The top-up's
// status is "" if there is none.
func printStory(
	out io.Writer, a billing.Account, topUp billing.TopUp, waits []string, story []account.Line, more bool,
) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", strings.Join(slices.DeleteFunc(
		[]string{string(a.ID), a.Email, a.ExternalID}, func(name string) bool { return name == "" },
	), "  "), a.Role)
	fmt.Fprintf(&b, "%d points available, %d held, %d owed; version %d\n", a.Available, a.Held, a.Debt, a.Version)
	if s := a.Subscription; s != nil {
		fmt.Fprintf(
			&b, "subscription %s: %s is %s until %s\n", s.ID, s.Plan, s.Status,
			s.CurrentPeriodEnd.UTC().Format(time.DateTime),
		)
	}
	if c := a.CutOver; c != nil {
		fmt.Fprintf(
			&b, "imported: what its customer paid before %s brings no points here\n",
			c.At.UTC().Format(time.DateTime),
		)
	}
	if t := topUp; t.Status != "" {
		fmt.Fprintf(
			&b, "top-up %s: %d × %s for %d %s below %d points, at most %d a month\n", topUpStatus(t), t.Quantity,
			t.Pack, t.Amount, t.Currency, t.Threshold, t.MonthlyLimit,
		)
	}
	for _, text := range waits {
		fmt.Fprintf(&b, "→ %s\n", strings.Map(harmless, text))
	}
	if more {
		b.WriteString("\n… older moments are left out (--limit, --since)\n")
	}
	day := ""
	for _, m := range story {
		if d := m.At.UTC().Format(time.DateOnly); d != day {
			day = d
			fmt.Fprintf(&b, "\n%s\n", day)
		}
		text := strings.Map(harmless, m.Text)
		fmt.Fprintf(&b, "  %s  %-17s %s%s\n", m.At.UTC().Format("15:04:05.000"), m.Kind, text, reference(m))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// topUpStatus returns the status, and why the top-up needs attention.
func topUpStatus(t billing.TopUp) string {
	if t.Reason == "" {
		return string(t.Status)
	}
	return fmt.Sprintf("%s (%s)", t.Status, t.Reason)
}

// harmless replaces control characters and marks of direction. So a customer's words can neither move the operator's
// cursor, nor look like a line of the story, nor turn the rest of their line around.
func harmless(r rune) rune {
	if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp) {
		return unicode.ReplacementChar
	}
	return r
}

// reference returns the id of what a moment is about, unless the sentence names it.
func reference(m account.Line) string {
	switch m.Kind {
	case billing.MomentOrderMade, billing.MomentOrderFulfilled, billing.MomentEventReceived,
		billing.MomentEventProcessed:
		return "  (" + m.Ref + ")"
	}
	return ""
}

// momentLine is a moment as the API shows it.
type momentLine struct {
	At           time.Time          `json:"at"`
	Kind         billing.MomentKind `json:"kind"`
	Ref          string             `json:"ref"`
	Text         string             `json:"text"`
	Amount       *billing.Points    `json:"amount"`
	BalanceAfter *billing.Points    `json:"balance_after"`
	Version      *int64             `json:"version"`
}

func printStoryJSON(out io.Writer, story []account.Line) error {
	e := json.NewEncoder(out)
	for _, m := range story {
		line := momentLine{At: m.At, Kind: m.Kind, Ref: m.Ref, Text: m.Text}
		if m.Kind == billing.MomentPoints {
			line.Amount, line.BalanceAfter = &m.Amount, &m.Balance
		}
		if m.Version != 0 {
			line.Version = &m.Version
		}
		if err := e.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

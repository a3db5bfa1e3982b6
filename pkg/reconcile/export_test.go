package reconcile

import (
	"context"
	"strings"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Begin and Finish are the two halves of a sync, for tests that bring their own pictures and choose their order.
func (s *Syncer) Begin(ctx context.Context, id billing.AccountID) (billing.Ticket, error) {
	t, _, err := s.begin(ctx, id, reason{cause: billing.CauseEvent})
	return t, err
}

// Finish decides and applies as insist does, with a picture that was fetched before. If that may be an older one, it
// uses the same picture again: in these tests, pictures are as new as their tickets.
func (s *Syncer) Finish(ctx context.Context, t billing.Ticket, picture billing.Snapshot) (applied bool, err error) {
	d := Decide(
		Input{
			Account: t.Account,
			Orders:  t.Orders,
			Picture: picture,
			Began:   t.BeganAt,
			Now:     s.db.Now(),
			Catalog: s.catalog,
			Policy:  s.policy,
		},
	)
	applied, older, err := s.apply(ctx, t, d)
	if err == nil && older {
		if t.Account, err = s.db.Account(ctx, t.Account.ID); err == nil {
			applied, _, err = s.apply(ctx, t, d)
		}
	}
	return applied, err
}

// Waiting counts the flights of an account whose ticket is not taken yet.
func Waiting(s *Syncer, id billing.AccountID) (n int) {
	s.flights.mu.Lock()
	defer s.flights.mu.Unlock()
	for key, f := range s.flights.last {
		if strings.HasPrefix(key, string(id)+"/") && !f.departed {
			n++
		}
	}
	return n
}

// Of returns the lot with the end that e gives it.
func (e End) Of(l billing.Lot) billing.Lot { return e.of(l) }

package account

import (
	"errors"
	"fmt"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/oidc/issuertest"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestLoginBudgets proves that a loop of refreshes, or of exchanges of one ID token, ends at the account's budget,
// because each adds rows that stay for months. The refusal says when the next one works, ends no login, uses no token,
// and concerns no other account.
func TestLoginBudgets(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		s := newExchange(t, db, i)
		ada, eve := i.Token("ada", app, nil), i.Token("eve", app, nil)
		in, err := s.Exchange(t.Context(), ada, "")
		must(t, err)
		refresh := func() error {
			out, err := s.Refresh(t.Context(), in.Refresh)
			if err == nil {
				in = out
			}
			return err
		}
		exchange := func() error { _, err := s.Exchange(t.Context(), ada, ""); return err }
		for kind, c := range map[billing.RequestKind]struct {
			once func() error
			done int
		}{billing.RequestRefresh: {refresh, 0}, billing.RequestExchange: {exchange, 1}} {
			budget := billing.RequestBudgets[kind]
			for n := c.done; n < budget.Burst; n++ {
				if err := c.once(); err != nil {
					t.Fatalf("%s %d: %v", kind, n, err)
				}
			}
			var e *billing.Error
			if err := c.once(); !errors.As(err, &e) || e.Code != billing.ETooMany || e.RetryAfter > budget.Every {
				t.Fatalf("%s, one too many: %v", kind, err)
			}
			clock.Advance(e.RetryAfter)
			if err := c.once(); err != nil {
				t.Errorf("%s when it is due: %v", kind, err)
			}
		}
		other, err := s.Exchange(t.Context(), eve, "")
		must(t, err)
		_, err = s.Refresh(t.Context(), other.Refresh)
		must(t, err)
	})
}

// TestFirstExchangesAreCounted proves that the first exchanges of many people are counted by their address, as its
// registrations are: each makes an account. One who has an account is not held up, and neither is another address.
func TestFirstExchangesAreCounted(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newExchange(t, db, i)
		s.unthrottled = false
		here, there := WithAddress(t.Context(), "203.0.113.9"), WithAddress(t.Context(), "203.0.113.10")
		most := billing.Allowances[billing.AttemptRegister].Free
		for n := range most {
			_, err := s.Exchange(here, i.Token(fmt.Sprint("person", n), app, nil), "")
			must(t, err)
		}
		_, err := s.Exchange(here, i.Token("one too many", app, nil), "")
		if billing.CodeOf(err) != billing.ETooMany {
			t.Errorf("one too many: %v", err)
		}
		_, err = s.Exchange(here, i.Token("person0", app, nil), "")
		must(t, err)
		_, err = s.Exchange(there, i.Token("one too many", app, nil), "")
		must(t, err)
	})
}

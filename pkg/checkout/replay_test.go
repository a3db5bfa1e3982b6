package checkout_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
)

// TestReplayOutlivesTheCatalogue proves that a repeat under a used key gets its reply whatever is sold by then: the
// item is retired, left the catalogue, or is sold in smaller quantities, and the page's origin is not allowed any more.
// A new key is refused each time, and so is another request under the used key.
func TestReplayOutlivesTheCatalogue(t *testing.T) {
	t.Parallel()
	for name, alter := range map[string]func(s *planShop){
		"Retired": func(s *planShop) {
			for n := range s.Catalog.Plans {
				s.Catalog.Plans[n].Retired = true
			}
			s.Catalog.Packs[0].Retired = true
		},
		"Gone": func(s *planShop) { s.Catalog.Plans, s.Catalog.Packs = nil, nil },
		"Fewer": func(s *planShop) {
			for n := range s.Catalog.Plans {
				s.Catalog.Plans[n].MaxQuantity = 1
			}
			s.Catalog.Packs[0].MaxQuantity = 1
		},
		"Origin": func(s *planShop) {
			s.service = checkout.New(
				s.db, s.Gateway(), s.Catalog, s.syncer, billing.Origins{"https://new.example"}, discard,
			)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachPlanShop(t, func(t *testing.T, s *planShop) {
				s.Catalog.Packs[0].MaxQuantity = 20
				a := s.subscriber("basic", 1)
				order := checkout.Request{
					Item: "pack", Quantity: 2, Key: "order", SuccessURL: "https://shop.example/thanks",
				}
				change := checkout.ChangeRequest{Plan: "team", Quantity: 2, Key: "change"}
				first := s.order(a.ID, order)
				_, err := s.service.Change(t.Context(), a.ID, change)
				must(t, err)
				alter(s)
				for range 2 {
					again, replayed, err := s.service.Create(t.Context(), a.ID, order)
					if err != nil || !replayed || again.ID != first.ID || again.URL != first.URL {
						t.Errorf("order: %+v, %v, %v", again, replayed, err)
					}
				}
				other := order
				other.Quantity = 3
				_, _, err = s.service.Create(t.Context(), a.ID, other)
				s.refused(err, billing.EKeyReused)
				other.Key = "another"
				_, _, err = s.service.Create(t.Context(), a.ID, other)
				s.refused(err, billing.EInvalid)
				if name == "Origin" {
					return // a change has no page
				}
				for range 2 {
					again, err := s.service.Change(t.Context(), a.ID, change)
					if err != nil || !again.Replayed || again.Account.Subscription.Plan != "team" {
						t.Errorf("change: %+v, %v", again, err)
					}
				}
				more := change
				more.Quantity = 3
				_, err = s.service.Change(t.Context(), a.ID, more)
				s.refused(err, billing.EKeyReused)
				more.Key = "another"
				_, err = s.service.Change(t.Context(), a.ID, more)
				s.refused(err, billing.EInvalid)
			})
		})
	}
}

// TestReplayOutlivesThePreview proves the same for the date of a preview, which is valid for ten minutes: an
// acknowledged change gets its reply eleven minutes later. A new key with the same date is refused then.
func TestReplayOutlivesThePreview(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("team", 1)
		s.Advance(10 * day)
		change := checkout.ChangeRequest{Plan: "team", Quantity: 2, Key: "change"}
		p, err := s.service.Preview(t.Context(), a.ID, change)
		must(t, err)
		change.ProrationDate = p.ProrationDate
		_, err = s.service.Change(t.Context(), a.ID, change)
		must(t, err)
		s.Advance(11 * time.Minute)
		again, err := s.service.Change(t.Context(), a.ID, change)
		if err != nil || !again.Replayed || again.Account.Subscription.Quantity != 2 {
			t.Errorf("%+v, %v", again, err)
		}
		change.Quantity, change.Key = 3, "another"
		_, err = s.service.Change(t.Context(), a.ID, change)
		s.refused(err, billing.EInvalid)
	})
}

package checkout_test

import (
	"testing"

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
			s.service = checkout.New(s.db, s.Gateway(), s.Catalog, s.syncer, checkout.Origins{"https://new.example"})
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
